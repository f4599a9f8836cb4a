import { isIPv4, isIPv6 } from 'node:net'
import { plainAddress } from './client-address.ts'

/** The header of the PROXY protocol at the beginning of a connection. */
export interface ProxyHeader {
  /** The address of the client. Undefined if the sender speaks for itself (LOCAL), or does not know it (UNKNOWN). */
  readonly address: string | undefined
  /** Its length in bytes. */
  readonly length: number
}

/** The longest header of version 1, with its CRLF (proxy-protocol.txt, 2.1). */
const MAX_TEXT = 107
/** The longest header of version 2 that is read. Its extensions may be long, but load balancers send a few hundred bytes. */
const MAX_BINARY = 4096
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const TEXT = Buffer.from('PROXY ')

/**
 * Reads the header of the PROXY protocol, version 1 or 2 (haproxy.org, proxy-protocol.txt). Returns undefined while it
 * is incomplete. Throws a RangeError if the bytes are not one: a receiver must not guess.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | undefined {
  if (startsAs(bytes, SIGNATURE)) return bytes.length < 16 ? undefined : readBinary(bytes)
  if (startsAs(bytes, TEXT)) return readText(bytes)
  throw new RangeError('the connection does not begin with a header of the PROXY protocol')
}

/** True if the bytes begin with the mark, or with a part of it. */
function startsAs(bytes: Buffer, mark: Buffer): boolean {
  const length = Math.min(bytes.length, mark.length)
  return mark.compare(bytes, 0, length, 0, length) === 0
}

function readText(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, MAX_TEXT).indexOf('\r\n')
  if (end === -1) {
    if (bytes.length < MAX_TEXT) return undefined
    throw new RangeError(`the header of the PROXY protocol has more than ${MAX_TEXT} bytes`)
  }
  const line = bytes.toString('latin1', 0, end)
  const length = end + 2
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { address: undefined, length }
  const [, family, from = '', to = '', fromPort, toPort] =
    /^PROXY (TCP4|TCP6) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line) ?? []
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6
  const valid = isAddress(from) && isAddress(to) && !from.includes('%')
  if (family === undefined || !valid || Number(fromPort) > 65_535 || Number(toPort) > 65_535)
    throw new RangeError(`${JSON.stringify(line)} is not a header of the PROXY protocol`)
  return { address: plainAddress(from), length }
}

const LOCAL = 0x20
const PROXY = 0x21
/** The sizes of two addresses and two ports, by family. */
const SIZES: Readonly<Record<number, number>> = { 0x1: 12, 0x2: 36, 0x3: 216 }

function readBinary(bytes: Buffer): ProxyHeader | undefined {
  const command = bytes[12]
  if (command !== LOCAL && command !== PROXY)
    throw new RangeError('the header of the PROXY protocol has an unknown version or command')
  const payload = bytes.readUInt16BE(14)
  const length = 16 + payload
  if (length > MAX_BINARY)
    throw new RangeError(`the header of the PROXY protocol has more than ${MAX_BINARY} bytes`)
  const family = (bytes[13] as number) >> 4
  const transport = (bytes[13] as number) & 15
  if (family > 3 || transport > 2)
    throw new RangeError('the header of the PROXY protocol has an unknown family')
  if (command === PROXY && payload < (SIZES[family] ?? 0))
    throw new RangeError('the header of the PROXY protocol is too short for its addresses')
  if (bytes.length < length) return undefined
  if (command === LOCAL) return { address: undefined, length }
  if (family === 1) return { address: Array.from(bytes.subarray(16, 20)).join('.'), length }
  if (family === 2) return { address: plainAddress(ipv6Of(bytes.subarray(16, 32))), length }
  return { address: undefined, length }
}

function ipv6Of(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  // The usual spelling (RFC 5952), as URL writes it.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
