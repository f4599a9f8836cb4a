import { badRequest, type HttpError } from '../proxy/errors.ts'
import { checkTarget, foldName, isAuthority } from '../proxy/grammar.ts'
import type { HeadEdits } from '../proxy/decision.ts'
import { type Head, isGrpcType, isSafe } from '../proxy/head.ts'

/** Fields of a message in the form of node:http2: name, value, name, value. */
export type FieldList = string[]

/** A request's head (RFC 9113, 8.3.1): the fields as received, and the pseudo fields under their HTTP/1.1 names. */
export class StreamHead implements Head {
  readonly list: FieldList
  readonly version = 20
  method = ''
  target = ''
  host = ''
  readonly hasBody: boolean
  scheme = 'http'
  /** True for a gRPC call, whose failures are sent in trailers instead of a status. */
  grpc = false
  /** Why we do not serve it. nghttp2 has already refused what RFC 9113 calls malformed. */
  fault: HttpError | undefined = undefined

  constructor(list: FieldList, hasBody: boolean) {
    this.list = list
    this.hasBody = hasBody
  }

  get bytes(): number {
    return sizeOf(this.list)
  }

  get repeatable(): boolean {
    return !this.hasBody && isSafe(this.method)
  }

  /** A gRPC client shows the message to its user, so it accepts plain text although it does not say so. */
  get(name: string): string | undefined {
    const { list } = this
    let value: string | undefined
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === name) value = value === undefined ? list[i + 1] : `${value}, ${list[i + 1]}`
    }
    return value === undefined && this.grpc && name === 'accept' ? 'text/plain' : value
  }

  entries(): [name: string, value: string][] {
    const entries: [string, string][] = []
    for (let i = 0; i < this.list.length; i += 2) {
      const name = this.list[i] as string
      if (!name.startsWith(':')) entries.push([name, this.list[i + 1] as string])
    }
    return entries
  }
}

/**
 * Reads a request's head. Its `fault` is a 501 for CONNECT, a 400 for a Host that differs from the authority, and a 431
 * for a head above `headBytes`.
 */
export function readRequestHead(list: FieldList, endStream: boolean, headBytes: number): StreamHead {
  const head = new StreamHead(list, !endStream)
  let authority: string | undefined
  let host: string | undefined
  for (let i = 0; i < list.length; i += 2) {
    const value = list[i + 1] as string
    switch (list[i] as string) {
      case ':method':
        head.method = value
        break
      case ':path':
        head.target = value
        break
      case ':scheme':
        head.scheme = value
        break
      case ':authority':
        authority = value
        break
      case 'host':
        host = host === undefined ? value : `${host}, ${value}`
        break
      case 'content-type':
        head.grpc = isGrpcType(value)
        break
      default:
    }
  }
  head.host = authority ?? host ?? ''
  head.fault = isTooLarge(list, headBytes)
    ? badRequest(`the head has more than headBytes (${headBytes} bytes)`, 431)
    : faultOf(head, host)
  return head
}

/** True if fields exceed SETTINGS_MAX_HEADER_LIST_SIZE, which nghttp2 announces but does not enforce. */
export const isTooLarge = (list: FieldList, headBytes: number): boolean => sizeOf(list) > headBytes

/** Counts as that setting does (RFC 9113, 6.5.2): 32 bytes for each field plus its name and value. */
function sizeOf(list: FieldList): number {
  let bytes = list.length * 16
  for (const text of list) bytes += text.length
  return bytes
}

function faultOf({ method, host: authority }: StreamHead, host: string | undefined): HttpError | undefined {
  if (method === 'CONNECT') return badRequest('CONNECT is not supported here', 501)
  if (!isAuthority(authority))
    return badRequest(`authority ${JSON.stringify(authority.slice(0, 64))}: not a host with an optional port`)
  if (host === undefined || host.toLowerCase() === authority.toLowerCase()) return undefined
  return badRequest(`Host ${JSON.stringify(host.slice(0, 64))}: differs from the authority`)
}

/** Fields for one hop, or with meaning in HTTP/1.1 only (RFC 9113, 8.2.2; RFC 9110, 7.6.1 and 11.7). */
const HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
])

/** Returns the head to send upstream: as received, without the fields for one hop, with the edits and our Via. */
export function writeRequestFields(head: StreamHead, edits: HeadEdits | undefined, via?: string): FieldList {
  const { method, scheme, list } = head
  const { target = head.target, host = head.host } = edits ?? {}
  if (edits?.target !== undefined) checkTarget(target)
  if (edits?.host !== undefined && !isAuthority(host))
    throw new RangeError(`host ${JSON.stringify(host)}: not a host with an optional port`)
  const out: FieldList = [':method', method, ':scheme', scheme, ':authority', host, ':path', target]
  copyFields(list, out, edits)
  if (via !== undefined) out.push('via', via)
  return out
}

/**
 * Returns the head to send to the client. Throws for an edit that is not a header field, as {@link writeRequestFields}
 * does.
 */
export function writeResponseFields(
  list: FieldList,
  status: number,
  edits: HeadEdits | undefined,
): FieldList {
  const out: FieldList = [':status', String(status)]
  copyFields(list, out, edits)
  return out
}

function copyFields(list: FieldList, out: FieldList, edits: HeadEdits | undefined): void {
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    if (name.charCodeAt(0) === 0x3a || name === 'host' || HOP.has(name)) continue
    // Everything else that RFC 9113 permits in it concerns only the next hop.
    if (name === 'te' && list[i + 1] !== 'trailers') continue
    if (edits !== undefined && isEdited(name, edits)) continue
    out.push(name, list[i + 1] as string)
  }
  for (const field of edits?.set ?? []) copyEdit(field, out)
  for (const field of edits?.add ?? []) copyEdit(field, out)
}

function copyEdit([name, value]: readonly [name: string, value: string], out: FieldList): void {
  checkEdit(name, value)
  out.push(name, value)
}

/** True if the edits name this field, or a field that a server may read as it. */
function isEdited(name: string, edits: HeadEdits): boolean {
  return isNamed(name, edits) || (PUNCTUATION.test(name) && isNamed(foldName(name), edits))
}

/** A character of a field name that servers may read as a hyphen. */
const PUNCTUATION = /[^a-z0-9-]/

function isNamed(name: string, { remove, removePrefix, set }: HeadEdits): boolean {
  if (remove !== undefined) for (const removed of remove) if (removed === name) return true
  if (set !== undefined) for (const field of set) if (field[0] === name) return true
  if (removePrefix !== undefined) for (const prefix of removePrefix) if (name.startsWith(prefix)) return true
  return false
}

/**
 * Returns fields as an object, with an array for several fields of one name, and without pseudo fields, fields for one
 * hop and refused fields.
 */
export function fieldObject(
  list: FieldList,
  isRefused?: (name: string) => boolean,
): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null) as Record<string, string | string[]>
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string
    const value = list[i + 1] as string
    if (name.charCodeAt(0) === 0x3a || HOP.has(name) || isRefused?.(name) === true) continue
    const before = fields[name]
    if (before === undefined) fields[name] = value
    else if (Array.isArray(before)) before.push(value)
    else fields[name] = [before, value]
  }
  return fields
}

// node:http2 separates fields by NUL, and nghttp2 sends them unchecked.
function checkEdit(name: string, value: string): void {
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) {
    throw new RangeError(`header name ${JSON.stringify(name)}: not a token in lower case`)
  }
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    throw new RangeError(
      `header ${name}: the value ${JSON.stringify(value)} contains a character that a field must not contain`,
    )
  }
}
