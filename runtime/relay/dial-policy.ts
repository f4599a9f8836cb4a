import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { parseRanges } from './ranges.ts'

/** Why the relay does not connect to an address. */
const DIAL_REFUSALS = [
  'metadata',
  'loopback',
  'unspecified',
  'private',
  'link-local',
  'multicast',
  'reserved',
] as const
export type DialRefusal = (typeof DIAL_REFUSALS)[number]

/** An address, or the spelling of one, to which the relay does not connect. */
export class DialRefusedError extends Error {
  readonly code = 'BL_DIAL_REFUSED'
  readonly reason: DialRefusal

  constructor(host: string, address: string, reason: DialRefusal) {
    const what = host === address ? `${address} is` : `${host} is ${address},`
    super(`${what} ${SAYING[reason]}: the relay connects to it only if ${remedyOf(address, reason)}`)
    this.name = 'DialRefusedError'
    this.reason = reason
  }
}

const SAYING: Readonly<Record<DialRefusal, string>> = {
  metadata: 'the metadata service of a cloud',
  loopback: 'a loopback address',
  unspecified: 'an unspecified address',
  private: 'a private address',
  'link-local': 'a link-local address',
  multicast: 'a multicast address',
  reserved: 'a reserved address',
}

const remedyOf = (address: string, reason: DialRefusal): string =>
  reason === 'metadata'
    ? `--allow-targets names exactly ${address}`
    : 'a range of --allow-targets contains it'

/** The ranges of IPv4 (IANA's special-purpose registry). Documentation ranges are left out: they lead nowhere. */
const IPV4: Readonly<Record<DialRefusal, readonly string[]>> = {
  // AWS, Google Cloud and Azure; ECS; Alibaba; Oracle; Azure's host.
  metadata: ['169.254.169.254', '169.254.170.2', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
  loopback: ['127.0.0.0/8'],
  unspecified: ['0.0.0.0/8'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  'link-local': ['169.254.0.0/16'],
  multicast: ['224.0.0.0/4'],
  reserved: ['192.0.0.0/24', '198.18.0.0/15', '240.0.0.0/4'],
}

const IPV6: Readonly<Record<DialRefusal, readonly string[]>> = {
  // AWS and Google Cloud.
  metadata: ['fd00:ec2::254', 'fd20:ce::254'],
  loopback: ['::1'],
  unspecified: ['::'],
  // fec0::/10 is the deprecated site-local range.
  private: ['fc00::/7', 'fec0::/10'],
  'link-local': ['fe80::/10'],
  multicast: ['ff00::/8'],
  // Discard, Teredo, and the local-use prefix of NAT64, whose embedded address may be at any of several places.
  reserved: ['100::/64', '2001::/32', '64:ff9b:1::/48'],
}

/** The forms of IPv6 that contain an IPv4 address, and the length of what comes before it. */
const EMBEDDED: readonly { readonly bits: number; readonly of: (hex: string) => string }[] = [
  // IPv4-mapped, IPv4-compatible, IPv4-translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056).
  { bits: 96, of: (hex) => `::ffff:${hex}` },
  { bits: 96, of: (hex) => `::${hex}` },
  { bits: 96, of: (hex) => `::ffff:0:${hex}` },
  { bits: 96, of: (hex) => `64:ff9b::${hex}` },
  { bits: 16, of: (hex) => `2002:${hex}::` },
]

const [METADATA, ...OTHERS] = DIAL_REFUSALS.map((reason) => ({ reason, list: listOf(reason) })) as [
  { readonly reason: DialRefusal; readonly list: BlockList },
  ...{ readonly reason: DialRefusal; readonly list: BlockList }[],
]

function listOf(reason: DialRefusal): BlockList {
  const list = new BlockList()
  for (const range of IPV6[reason]) addRange(list, range)
  for (const range of IPV4[reason]) {
    addRange(list, range)
    const [address = '', length = '32'] = range.split('/')
    const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number)
    const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
    for (const { bits, of } of EMBEDDED) list.addSubnet(of(hex), bits + Number(length), 'ipv6')
  }
  return list
}

function addRange(list: BlockList, range: string): void {
  const [address = '', length] = range.split('/')
  const family = isIPv4(address) ? 'ipv4' : 'ipv6'
  list.addSubnet(address, Number(length ?? (family === 'ipv4' ? 32 : 128)), family)
}

const isSingle = (range: string): boolean => {
  const [address = '', length] = range.split('/')
  return length === undefined || Number(length) === (isIPv4(address) ? 32 : 128)
}

const contains = (list: BlockList, address: string): boolean =>
  list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')

/**
 * Decides which addresses circuits may name. By default these are public addresses only: not loopback, private,
 * link-local, multicast, reserved or unspecified ones, and no metadata services, also where IPv6 contains such an
 * address. An entry of `allow` opens a range. Metadata services are open only to an entry that is exactly their address,
 * so that a wide range does not open them by accident.
 */
export class DialPolicy {
  readonly #allowed = new BlockList()
  readonly #exact = new BlockList()

  /** `allow`: addresses and CIDR ranges (`--allow-targets`), also several with commas. Throws a RangeError if one is bad. */
  constructor(allow: readonly string[] = []) {
    for (const entry of allow.flatMap((text) => text.split(','))) {
      parseRanges(entry)
      const range = entry.trim()
      if (range === '') continue
      addRange(this.#allowed, range)
      if (isSingle(range)) addRange(this.#exact, range)
    }
  }

  /** Why the relay does not connect to this IP address, or undefined if it does. A zone (`%eth0`) does not matter. */
  refusal(address: string): DialRefusal | undefined {
    const plain = address.split('%', 1)[0] as string
    if (isIP(plain) === 0) throw new RangeError(`${JSON.stringify(address)} is not an IP address`)
    if (contains(METADATA.list, plain)) return contains(this.#exact, plain) ? undefined : METADATA.reason
    if (contains(this.#allowed, plain)) return undefined
    return OTHERS.find(({ list }) => contains(list, plain))?.reason
  }

  /**
   * Why a circuit may not name a host, as an error with a sentence; undefined if it may. Judges addresses in every
   * spelling (`127.1`, `0x7f000001`, `[::ffff:7f00:1]`) and `localhost`. Other names are judged when they are resolved,
   * at each dial.
   */
  refusalOfHost(host: string): DialRefusedError | undefined {
    const address = addressOf(host)
    if (address === undefined) return undefined
    const reason = this.refusal(address)
    return reason === undefined ? undefined : new DialRefusedError(host, address, reason)
  }
}

/** The IP address that a host is, or undefined if it is a name that has to be resolved. */
function addressOf(host: string): string | undefined {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  if (isIPv6(bare) || isIPv4(bare)) return bare
  const url = `http://${host}/`
  // WHATWG URL, 3.5: a host whose last label is a number is an IPv4 address, in decimal, octal or hexadecimal.
  const name = URL.canParse(url) ? new URL(url).hostname : host
  if (isIPv4(name)) return name
  return /(^|\.)localhost\.?$/i.test(name) ? '127.0.0.1' : undefined
}

/** Splits `host:port` of a target, such as `10.0.0.7:8888` or `[2001:db8::7]:22`. The host is without brackets. */
export function parseTargetAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon)
  const bare = host.startsWith('[') ? host.slice(1, -1) : host
  return { host: bare, port: Number(address.slice(colon + 1)) }
}
