import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'

/** Where the API key with all rights comes from: made at the first start, not at all, or from the configuration. */
export type OwnerKey = 'new' | 'none' | { readonly secret: string }

/** The shortest random part of a given token, in characters. 32 hexadecimal ones are 128 bits. */
const LEAST_CHARACTERS = 32

/** Parses BRANCHLINE_OWNER_KEY. Throws a RangeError that does not quote the text, because it is a secret. */
export function parseOwnerKey(text: string): OwnerKey {
  if (text === 'new' || text === 'none') return text
  return { secret: parseGivenToken(text, TOKEN_PREFIX.key) }
}

/** Returns a token that a person has made. Throws a RangeError that does not quote it if it is easy to guess. */
export function parseGivenToken(text: string, prefix: string): string {
  const random = text.startsWith(prefix) ? text.slice(prefix.length) : ''
  if (/^[A-Za-z0-9_-]+$/.test(random) && random.length >= LEAST_CHARACTERS) return text
  throw new RangeError(
    `wanted ${prefix} and at least ${LEAST_CHARACTERS} random letters and digits, such as ${prefix}$(openssl rand -hex 32)`,
  )
}
