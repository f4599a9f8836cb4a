import { isIPv6 } from 'node:net'

const TCHAR = 1
const VALUE = 2
const TARGET = 4

const table = new Uint8Array(256)
for (let c = 0x21; c <= 0x7e; c++) table[c] = VALUE | TARGET
for (let c = 0x80; c <= 0xff; c++) table[c] = VALUE | TARGET
for (const c of '#') table[c.charCodeAt(0)] = VALUE
for (const c of ' \t') table[c.charCodeAt(0)] = VALUE
for (const c of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  table[c.charCodeAt(0)] = (table[c.charCodeAt(0)] as number) | TCHAR
}

/** RFC 9110, 5.6.2: a character of a token. */
export const isTokenChar = (code: number): boolean => ((table[code] as number) & TCHAR) !== 0
/** RFC 9110, 5.5: a character of a field's value, with SP and HTAB; obs-text passes. */
export const isValueChar = (code: number): boolean => ((table[code] as number) & VALUE) !== 0
/**
 * A byte of a request target: visible ASCII without `#`, and what is not ASCII (RFC 9112, 3.2). Clients send more
 * than RFC 3986 allows, UTF-8 among it. It is passed on as it came: to encode it would be to correct it behind the
 * client's back, which 3.2 warns of, and no part of it decides about routing.
 */
export const isTargetChar = (code: number): boolean => ((table[code] as number) & TARGET) !== 0

/** True where the octets between two indices are those of this lower-case word, in any case of ASCII letters. */
export function octetsEqualIgnoreCase(octets: Uint8Array, from: number, lower: Uint8Array): boolean {
  for (let i = 0; i < lower.length; i++) {
    const code = octets[from + i] as number
    const folded = code >= 65 && code <= 90 ? code + 32 : code
    if (folded !== lower[i]) return false
  }
  return true
}

/** True where the text between two indices is this lower-case word, in any case of ASCII letters. */
export function equalsIgnoreCase(text: string, from: number, to: number, lower: string): boolean {
  if (to - from !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const code = text.charCodeAt(from + i)
    const folded = code >= 65 && code <= 90 ? code + 32 : code
    if (folded !== lower.charCodeAt(i)) return false
  }
  return true
}

const folded = new Uint8Array(256).fill(0x2d)
for (let c = 0x30; c <= 0x39; c++) folded[c] = c
for (let c = 0x61; c <= 0x7a; c++) folded[c] = folded[c - 32] = c

/**
 * True where the text between two indices is a field name that a server may take for this one: servers of the CGI
 * kind (WSGI, Rack, PHP) make `_`, and some any other character, of a `-`.
 */
export function isSameField(text: string, from: number, to: number, name: string): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    if (folded[text.charCodeAt(from + i)] !== folded[name.charCodeAt(i)]) return false
  }
  return true
}

/** A field name as {@link isSameField} compares it: lower-case letters, digits and hyphens. */
export const foldName = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')

const REG_NAME = /^(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?::[0-9]{0,5})?$/
const IP_LITERAL = /^\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{0,5})?$/

/** RFC 3986, 3.2.2 and 3.2.3, as a Host field has it: no user information, a port of 65535 at most. May be empty. */
export function isAuthority(host: string): boolean {
  if (host.startsWith('[') ? !isIPv6(IP_LITERAL.exec(host)?.[1] ?? '') : !REG_NAME.test(host)) return false
  return Number(/:([0-9]*)$/.exec(host.slice(host.indexOf(']') + 1))?.[1] ?? 0) <= 65535
}

/** A field that was valid: the mark of a routed request is the same from one to the next. */
let lastName = ''
let lastValue = ''

/** Throws a RangeError where this is not a header field, so that a value from outside cannot add a line. */
export function checkField(name: string, value: string): void {
  if (name === lastName && value === lastValue && name !== '') return
  let valid = name !== ''
  for (let i = 0; i < name.length; i++) valid &&= isTokenChar(name.charCodeAt(i))
  if (!valid) throw new RangeError(`header name ${JSON.stringify(name)}: wanted a token`)
  for (let i = 0; i < value.length; i++) {
    if (isValueChar(value.charCodeAt(i))) continue
    throw new RangeError(
      `header ${name}: its value ${JSON.stringify(value)} has a character that no field may have`,
    )
  }
  lastName = name
  lastValue = value
}
