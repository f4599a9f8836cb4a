import { createHash, timingSafeEqual } from 'node:crypto'
import { isKey } from '@branchline/wire/key'

/** A credential. Only a digest of its token is kept. Without a cluster it is valid for any cluster. */
export interface Credential {
  /** Identifies the owner of labels, also across restarts: the bound cluster, or else a digest of the token. */
  readonly id: string
  readonly cluster: string | undefined
  readonly digest: Buffer
}

const MIN_TOKEN_LENGTH = 16
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/

/**
 * Parses comma-separated credentials: `token`, or `cluster:token` for one that is valid only for that cluster. A token
 * has at least 16 characters of RFC 6750 (2.1). Throws a RangeError that never contains a token.
 */
export function parseCredentials(text: string): Credential[] {
  if (text.trim() === '') throw new RangeError('is missing: set it to a secret that clusters also have')
  return text.split(',').map((entry, index) => {
    const trimmed = entry.trim()
    const colon = trimmed.indexOf(':')
    const cluster = colon === -1 ? undefined : trimmed.slice(0, colon)
    const token = trimmed.slice(colon + 1)
    if (cluster !== undefined && !isKey(cluster)) {
      throw new RangeError(
        `entry ${index + 1}: ${JSON.stringify(cluster)} is not the name of a cluster (a DNS label)`,
      )
    }
    if (token.length < MIN_TOKEN_LENGTH || !TOKEN.test(token)) {
      throw new RangeError(
        `entry ${index + 1}: wanted a token of at least ${MIN_TOKEN_LENGTH} letters, digits or -._~+/`,
      )
    }
    const digest = digestOf(token)
    return { id: cluster === undefined ? `token:${nameOf(digest)}` : `cluster:${cluster}`, cluster, digest }
  })
}

/** Finds the credential of an `Authorization` field, in a time that does not depend on the tokens. */
export function findCredential(
  credentials: readonly Credential[],
  authorization: string | undefined,
): Credential | undefined {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? ''
  const digest = digestOf(token)
  let found: Credential | undefined
  for (const credential of credentials) if (timingSafeEqual(credential.digest, digest)) found = credential
  return token === '' ? undefined : found
}

const digestOf = (token: string): Buffer => createHash('sha256').update(token).digest()

/** A name that does not help to guess the token. */
const nameOf = (digest: Buffer): string => createHash('sha256').update(digest).digest('hex').slice(0, 16)
