import { randomBytes, type webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { constrainedTo } from './constraints.ts'
import { EC_P256, type KeyPair, newKeys, newSerialNumber, pemOf } from './keys.ts'

const YEAR_MS = 365 * 86_400_000
/** How long an authority is valid, in milliseconds. */
const VALID_MS = 10 * YEAR_MS
/** Clocks of clients may be behind by this much, in milliseconds. */
const CLOCK_SKEW_MS = 3_600_000

/** Makes the certificate and key of an authority that can issue for the names of one domain only, as PEM. */
export async function createAuthority(domain: string, nowMs = Date.now()): Promise<KeyPair> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // The number keeps the names of authorities apart that were made one after the other.
    name: [
      { O: ['Branchline development'] },
      { CN: [`Branchline CA for ${domain}`.slice(0, 55) + ` ${randomBytes(4).toString('hex')}`] },
    ],
    serialNumber: newSerialNumber(),
    notBefore: new Date(nowMs - CLOCK_SKEW_MS),
    notAfter: new Date(nowMs + VALID_MS),
    keys,
    signingAlgorithm: EC_P256,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      constrainedTo(domain),
    ],
  })
  return { cert: pemOf(certificate), key: await pemOfKey(keys.privateKey) }
}

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64')
  const lines = der.match(/.{1,64}/g) ?? []
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`
}
