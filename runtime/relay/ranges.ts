import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** Parses comma-separated addresses and CIDR ranges, such as `10.0.0.0/8,fd00::/8`. Throws a RangeError. */
export const parseRanges = (text: string): BlockList =>
  rangesOf(
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )

/** Returns a list of addresses and CIDR ranges. Throws a RangeError for a bad entry, which it never skips. */
export function rangesOf(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) addRange(list, entry)
  return list
}

/** Whether an address is in a list. IPv4 addresses match in their IPv6 form too. Undefined and other texts never match. */
export function isWithin(list: BlockList, address: string | undefined): boolean {
  const [plain = ''] = (address ?? '').split('%', 1)
  if (isIPv4(plain)) return list.check(plain, 'ipv4')
  return isIPv6(plain) && list.check(plain, 'ipv6')
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
  const mapped = family === 'ipv6' && length >= MAPPED_BITS ? mappedIPv4(address) : undefined
  if (mapped === undefined) list.addSubnet(address, length, family)
  else list.addSubnet(mapped, length - MAPPED_BITS, 'ipv4')
}

const MAPPED_BITS = 96

/** The IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), in any of its forms. */
function mappedIPv4(address: string): string | undefined {
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(
    new URL(`http://[${address}]`).hostname,
  ) ?? [undefined, undefined, undefined]
  if (high === undefined || low === undefined) return undefined
  return [high, low]
    .map((part) => Number.parseInt(part, 16))
    .flatMap((number) => [number >> 8, number & 255])
    .join('.')
}
