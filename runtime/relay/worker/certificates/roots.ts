import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'

let byName: Map<string, X509Certificate[]> | undefined

/** Node's list of public roots (Mozilla's), by subject. */
function roots(): Map<string, X509Certificate[]> {
  if (byName !== undefined) return byName
  byName = new Map()
  for (const pem of rootCertificates) {
    const root = new X509Certificate(pem)
    byName.set(root.subject, [...(byName.get(root.subject) ?? []), root])
  }
  return byName
}

/** Returns whether a certificate is self-signed, or was issued by a public root. */
export function isRooted(certificate: X509Certificate): boolean {
  if (certificate.checkIssued(certificate)) return true
  return (roots().get(certificate.issuer) ?? []).some((root) => certificate.checkIssued(root))
}
