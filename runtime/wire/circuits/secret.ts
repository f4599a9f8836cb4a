import { createHash, randomBytes } from 'node:crypto'

/** Returns a new secret: 256 random bits in base64url. */
export const newSecret = (): string => randomBytes(32).toString('base64url')

/**
 * Returns what is stored and deployed of a secret: its SHA-256, in lower-case hexadecimal. Secrets are looked up by it,
 * so a comparison reveals nothing about them. Slow hashes protect passwords, which can be guessed. 256 random bits
 * cannot, and workers compute a hash on each request.
 */
export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')
