import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { CertificateError } from './errors.ts'
import { isRooted } from './roots.ts'

/** A chain of certificates and the key of the first, as PEM. The key is secret. */
export interface PemPair {
  readonly cert: string
  readonly key: string
}

/** A certificate that can be used. */
export interface Certificate extends PemPair {
  /** The file, or what else it comes from, for logs. */
  readonly origin: string
  /** The DNS names that it covers, in lower case; `*.` may be the first label. */
  readonly names: readonly string[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** SHA-256 of the chain and the key. */
  readonly id: string
  /** Why clients may refuse it although it is served; undefined if nothing is known. */
  readonly warning: string | undefined
}

const BLOCK =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g

/**
 * Reads a certificate with its chain and its key. Throws a {@link CertificateError} unless they can be used together. It
 * does not compare the time, see {@link validityFault}.
 */
export function readCertificate({ cert, key }: PemPair, origin: string): Certificate {
  const chain = readChain(cert, origin)
  const [leaf] = chain as [X509Certificate, ...X509Certificate[]]
  requireKey(leaf, readKey(key, origin), origin)
  requireOrder(chain, origin)
  const names = dnsNames(leaf)
  if (names.length === 0) {
    throw new CertificateError(
      'no-names',
      origin,
      'the certificate names no host (subjectAltName); clients ignore the common name, so issue it again with DNS names',
    )
  }
  return {
    origin,
    cert,
    key,
    names,
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    id: createHash('sha256').update(cert).update('\0').update(key).digest('base64url'),
    warning: warningOf(chain),
  }
}

/** Returns why a certificate is not valid at a time; undefined if it is. */
export function validityFault(
  { origin, notBeforeMs, notAfterMs }: Certificate,
  nowMs: number,
): CertificateError | undefined {
  if (nowMs >= notAfterMs) {
    const when = new Date(notAfterMs).toISOString()
    return new CertificateError('expired', origin, `the certificate expired at ${when}; renew it`)
  }
  if (nowMs >= notBeforeMs) return undefined
  const when = new Date(notBeforeMs).toISOString()
  return new CertificateError(
    'not-yet-valid',
    origin,
    `the certificate is not valid before ${when}; check the clock of this machine, or wait`,
  )
}

function readChain(text: string, origin: string): X509Certificate[] {
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length === 0) {
    throw new CertificateError('no-certificate', origin, 'the file contains no certificate in PEM format')
  }
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (cause) {
    const problem = `a certificate cannot be read (${(cause as Error).message}); copy the file again`
    throw new CertificateError('unreadable', origin, problem, { cause })
  }
}

function readKey(text: string, origin: string): KeyObject {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    const remedy = 'decrypt it (`openssl pkey`), and let only the relay read the file'
    throw new CertificateError('no-key', origin, `the key has a passphrase; ${remedy}`)
  }
  try {
    return createPrivateKey(text)
  } catch (cause) {
    // The cause could quote the key.
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown format'
    throw new CertificateError('no-key', origin, `the key cannot be read (${code}); wanted PEM`)
  }
}

/** OpenSSL refuses shorter keys at its security level. */
const MIN_RSA_BITS = 2048

function requireKey(leaf: X509Certificate, key: KeyObject, origin: string): void {
  if (!leaf.checkPrivateKey(key)) {
    throw new CertificateError(
      'key-mismatch',
      origin,
      'the key does not belong to the first certificate; the certificate of the host comes first, and both files must be of one issue',
    )
  }
  const bits = key.asymmetricKeyType === 'rsa' ? key.asymmetricKeyDetails?.modulusLength : undefined
  if (bits === undefined || bits >= MIN_RSA_BITS) return
  throw new CertificateError('weak-key', origin, `the key has ${bits} bits; wanted ${MIN_RSA_BITS} or more`)
}

function requireOrder(chain: readonly X509Certificate[], origin: string): void {
  for (const [index, issued] of chain.entries()) {
    const issuer = chain[index + 1]
    if (issuer === undefined || issued.checkIssued(issuer)) continue
    throw new CertificateError(
      'chain-order',
      origin,
      `certificate ${index + 1} of the chain (${oneLine(issued.subject)}) was not issued by the next one ` +
        `(${oneLine(issuer.subject)}); order them from the host to the root, without others`,
    )
  }
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ')

function warningOf(chain: readonly X509Certificate[]): string | undefined {
  const last = chain.at(-1) as X509Certificate
  if (isRooted(last)) return undefined
  return (
    `the chain ends at a certificate that ${JSON.stringify(oneLine(last.issuer))} issued, which is no public root; ` +
    'append the intermediate certificates, unless your clients trust this issuer'
  )
}

/** As Node writes them: `DNS:a.example, IP Address:127.0.0.1`. Names with other characters are in quotes. */
const DNS_NAME = /(?:^|, )DNS:([A-Za-z0-9*._-]+)(?=,|$)/g

function dnsNames(leaf: X509Certificate): string[] {
  const names = [...(leaf.subjectAltName ?? '').matchAll(DNS_NAME)].map(([, name]) =>
    (name as string).toLowerCase().replace(/\.$/, ''),
  )
  return [...new Set(names)]
}
