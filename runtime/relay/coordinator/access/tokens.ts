import { newSecret } from '@branchline/wire/circuits/secret'
import type { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'

type Prefix = (typeof TOKEN_PREFIX)[keyof typeof TOKEN_PREFIX]

/** Returns a new secret: the prefix and 256 random bits. */
export const newToken = (prefix: Prefix): string => prefix + newSecret()

/** The first characters of a token, by which a person recognises it in a list. */
export const shownPrefix = (token: string): string => token.slice(0, 10)
