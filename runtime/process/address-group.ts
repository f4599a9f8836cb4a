/**
 * Returns the name under which an address counts towards a limit per address. An IPv4 address counts as itself, also in
 * its IPv6 form (RFC 4291, 2.5.5.2). An IPv6 address counts as its /64, because one customer usually has a whole /64
 * (RFC 6177). `unknown` if there is no address.
 */
export function addressGroup(address: string | undefined): string {
  if (address === undefined || address === '') return 'unknown'
  const plain = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
  if (!plain.includes(':')) return plain
  const [head = '', tail] = (plain.split('%', 1)[0] as string).split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? [] : tail.split(':')
    while (groups.length + rest.length < 8) groups.push('0')
    groups.push(...rest)
  }
  return `${groups.slice(0, 4).join(':')}::/64`
}
