import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints } from '@peculiar/asn1-x509'
import { Extension } from '@peculiar/x509'

const NAME_CONSTRAINTS = '2.5.29.30'
const LOOPBACK = ['127.0.0.0/8', '::1/128']

/**
 * Returns the extension by which clients refuse certificates of an authority for anything but a domain, the names below
 * it, and loopback addresses (RFC 5280, 4.2.1.10). So a stolen key of the authority is of no use against other sites.
 */
export function constrainedTo(domain: string): Extension {
  const names = [
    new GeneralName({ dNSName: domain }),
    ...LOOPBACK.map((iPAddress) => new GeneralName({ iPAddress })),
  ]
  const permittedSubtrees = new GeneralSubtrees(names.map((base) => new GeneralSubtree({ base })))
  return new Extension(
    NAME_CONSTRAINTS,
    true,
    AsnConvert.serialize(new NameConstraints({ permittedSubtrees })),
  )
}
