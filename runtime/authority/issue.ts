import { createPrivateKey, type webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { isIP } from 'node:net'
import { EC_P256, type KeyPair, newKeys, newSerialNumber, pemOf } from './keys.ts'

/** How long an issued certificate is valid, in milliseconds. */
const VALID_MS = 30 * 86_400_000
/** Clocks of clients may be behind by this much, in milliseconds. */
const CLOCK_SKEW_MS = 3_600_000

/** Issues certificates of an authority. All have the same key, which no file contains. */
export class Issuer {
  readonly #authority: X509Certificate
  readonly #signingKey: webcrypto.CryptoKey
  readonly #keys: webcrypto.CryptoKeyPair
  readonly #pem: string

  private constructor(
    authority: X509Certificate,
    signingKey: webcrypto.CryptoKey,
    keys: webcrypto.CryptoKeyPair,
    pem: string,
  ) {
    this.#authority = authority
    this.#signingKey = signingKey
    this.#keys = keys
    this.#pem = pem
  }

  static async open({ cert, key }: KeyPair): Promise<Issuer> {
    const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' })
    const signingKey = await crypto.subtle.importKey('pkcs8', new Uint8Array(der), EC_P256, false, ['sign'])
    const keys = await newKeys()
    const exported = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
    const pem = createPrivateKey({ key: exported, type: 'pkcs8', format: 'der' })
    const text = pem.export({ type: 'pkcs8', format: 'pem' })
    return new Issuer(new X509Certificate(cert), signingKey, keys, String(text))
  }

  async issue(names: readonly string[], nowMs: number): Promise<KeyPair> {
    const notAfterMs = Math.min(nowMs + VALID_MS, this.#authority.notAfter.getTime())
    const certificate = await X509CertificateGenerator.create({
      // With spaces, so that no client takes it for a host.
      subject: [{ CN: ['Branchline development certificate'] }],
      issuer: this.#authority.subjectName,
      serialNumber: newSerialNumber(),
      notBefore: new Date(nowMs - CLOCK_SKEW_MS),
      notAfter: new Date(notAfterMs),
      publicKey: this.#keys.publicKey,
      signingKey: this.#signingKey,
      signingAlgorithm: EC_P256,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
        ),
        await AuthorityKeyIdentifierExtension.create(this.#authority.publicKey),
      ],
    })
    return { cert: pemOf(certificate), key: this.#pem }
  }
}
