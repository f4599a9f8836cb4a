import { createHash, randomBytes } from 'node:crypto'
import type { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'

type Prefix = (typeof TOKEN_PREFIX)[keyof typeof TOKEN_PREFIX]

/** Returns a new secret: the prefix and 256 random bits. */
export const newToken = (prefix: Prefix): string => prefix + randomBytes(32).toString('base64url')

/**
 * Returns what is stored of a token: its SHA-256, in lower-case hexadecimal. Slow hashes protect passwords, which can be
 * guessed. 256 random bits cannot, and workers compare a hash on each request.
 */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/** The first characters of a token, by which a person recognises it in a list. */
export const shownPrefix = (token: string): string => token.slice(0, 10)
