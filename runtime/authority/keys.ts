import { randomBytes, type webcrypto } from 'node:crypto'
import type { X509Certificate } from '@peculiar/x509'

/** A certificate, or a chain of them, and the key of the first, as PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

export const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** Makes a new pair of keys. */
export const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  crypto.subtle.generateKey(EC_P256, true, ['sign', 'verify'])

/** Returns a random number of 127 bits (RFC 5280, 4.1.2.2: positive, at most 20 bytes), in hexadecimal digits. */
export function newSerialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}

/** Returns the PEM of a certificate, which ends with a line break. */
export const pemOf = (certificate: X509Certificate): string => `${certificate.toString('pem').trim()}\n`
