import { type BlockList, isIP, isIPv4 } from 'node:net'
import type { Head } from '../../../proxy/head.ts'

/** The field in which fronts name the client. `none`: they use the PROXY protocol, or nothing. */
export type FrontsHeader = (typeof FRONTS_HEADERS)[number]
export const FRONTS_HEADERS = ['x-forwarded-for', 'forwarded', 'none'] as const

/** Whom the relay believes what they say about the addresses of visitors. */
export interface Trust {
  /** Proxies in front of the relay. */
  readonly fronts: BlockList
  readonly header: FrontsHeader
}

/** How many proxies may be in front of the relay. What they say beyond that is not read. */
const MAX_FRONTS = 16

/**
 * Returns the address of the client that sent a request: that of its connection, or what the fronts say. Fronts append
 * the address from which they got the request, so the list is read from the right, and its first address that is not
 * that of a front is the client. What stands left of it comes from the client, who may write anything. Limits, access
 * lists and logs use this function. `peer` is the address of the connection, from its socket or its PROXY header.
 */
export function clientAddress(
  peer: string | undefined,
  head: Pick<Head, 'get'>,
  { fronts, header }: Trust,
): string | undefined {
  let client = plainAddress(peer)
  if (header === 'none' || client === undefined || !isIn(fronts, client)) return client
  const value = head.get(header)
  if (value === undefined) return client
  const named = (header === 'forwarded' ? forwardedFor(value) : value.split(',')).slice(-MAX_FRONTS)
  for (const text of named.toReversed()) {
    const address = readNode(text)
    // The nearest address that is known to be true.
    if (address === undefined) return client
    client = address
    if (!isIn(fronts, address)) return client
  }
  return client
}

/** Whether an address is in a list. IPv4-mapped IPv6 addresses count as IPv4. */
export function isIn(list: BlockList, address: string | undefined): boolean {
  const plain = plainAddress(address)
  return plain !== undefined && list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
}

/** Returns an address in its plain form: IPv4 for an IPv4-mapped IPv6 address, without a zone. Undefined for no address. */
export function plainAddress(address: string | undefined): string | undefined {
  if (address === undefined) return undefined
  const [bare = ''] = address.split('%', 1)
  const version = isIP(bare)
  if (version === 0) return undefined
  if (version === 4) return bare
  const mapped = /^(?:0{0,4}:){0,5}:?ffff:(.+)$/i.exec(bare)?.[1]
  if (mapped === undefined) return bare.toLowerCase()
  if (isIPv4(mapped)) return mapped
  const parts = mapped.split(':').map((part) => Number.parseInt(part, 16))
  const [high, low] = parts
  if (parts.length !== 2 || high === undefined || low === undefined) return bare.toLowerCase()
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** Reads one element of a list: an address, with or without brackets and a port. */
function readNode(text: string): string | undefined {
  const node = text.trim()
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(node)?.[1]
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? plainAddress(bracketed) : undefined
  const [, ipv4] = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?$/.exec(node) ?? []
  return plainAddress(ipv4 ?? node)
}

/** The `for` parameters of a Forwarded field (RFC 7239, 4), in order; '' for an element without one. */
function forwardedFor(value: string): string[] {
  return splitQuoted(value, ',').map((element) => {
    for (const pair of splitQuoted(element, ';')) {
      const [, node] = /^\s*for\s*=\s*(.*?)\s*$/i.exec(pair) ?? []
      if (node !== undefined) return /^"(.*)"$/.exec(node)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? node
    }
    return ''
  })
}

/** Splits a text at a separator outside of quoted strings (RFC 9110, 5.6.4). */
function splitQuoted(text: string, separator: string): string[] {
  const parts: string[] = []
  let from = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (quoted && char === '\\') at++
    else if (char === '"') quoted = !quoted
    else if (char === separator && !quoted) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts
}
