import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Parses comma-separated addresses and CIDR ranges, such as `10.0.0.0/8,fd00::/8`. Throws a RangeError. */
export function parseRanges(text: string): BlockList {
  const list = new BlockList()
  for (const range of text.split(',').map((part) => part.trim())) {
    if (range !== '') addRange(list, range)
  }
  return list
}

function addRange(list: BlockList, range: string): void {
  const [address = '', bits, more] = range.split('/')
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : undefined
  const most = family === 'ipv4' ? 32 : 128
  const length = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  if (family === undefined || more !== undefined || !(length <= most)) {
    throw new RangeError(
      `${JSON.stringify(range)}: wanted addresses or ranges with commas, such as 10.0.0.0/8,fd00::/8`,
    )
  }
  list.addSubnet(address, length, family)
}
