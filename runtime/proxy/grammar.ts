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

/** True for a character of a token (RFC 9110, 5.6.2). */
export const isTokenChar = (code: number): boolean => ((table[code] as number) & TCHAR) !== 0
/** True for a character of a field value, including SP and HTAB (RFC 9110, 5.5). obs-text passes. */
export const isValueChar = (code: number): boolean => ((table[code] as number) & VALUE) !== 0
/**
 * True for a byte of a request target: visible ASCII except `#`, and bytes that are not ASCII (RFC 9112, 3.2). Clients
 * send more than RFC 3986 allows, for example UTF-8. Such bytes pass unchanged, because encoding them would silently
 * correct the request, which section 3.2 warns against. No part of the target decides about routing.
 */
export const isTargetChar = (code: number): boolean => ((table[code] as number) & TARGET) !== 0

/** Throws a RangeError if this is not a target in origin form, so that an edit cannot add a line or another request. */
export function checkTarget(target: string): void {
  let valid = target.startsWith('/')
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i)
    valid &&= code < 256 && isTargetChar(code)
  }
  if (!valid) throw new RangeError('the target of an edit is not a path in origin form')
}

/** True if the bytes from this index on are this lower-case word, in any case of ASCII letters. */
export function bytesEqualIgnoreCase(bytes: Uint8Array, from: number, lower: Uint8Array): boolean {
  for (let i = 0; i < lower.length; i++) {
    const code = bytes[from + i] as number
    const folded = code >= 65 && code <= 90 ? code + 32 : code
    if (folded !== lower[i]) return false
  }
  return true
}

/** True if the text between two indices is this lower-case word, in any case of ASCII letters. */
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
 * True if the text between two indices is a field name that a server may read as this one. CGI-style servers (WSGI,
 * Rack, PHP) turn `-` into `_`, and some turn other characters into it as well.
 */
export function isSameField(text: string, from: number, to: number, name: string): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    if (folded[text.charCodeAt(from + i)] !== folded[name.charCodeAt(i)]) return false
  }
  return true
}

/** A field name in the form that {@link isSameField} compares: lower-case letters, digits and hyphens. */
export const foldName = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')

const REG_NAME = /^(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?::[0-9]{0,5})?$/
const IP_LITERAL = /^\[([0-9A-Fa-f:.]{2,45})\](?::[0-9]{0,5})?$/

/**
 * True for the value of a Host field (RFC 3986, 3.2.2 and 3.2.3): no user information, and a port of at most 65535. An
 * empty value is valid.
 */
export function isAuthority(host: string): boolean {
  if (host.startsWith('[') ? !isIPv6(IP_LITERAL.exec(host)?.[1] ?? '') : !REG_NAME.test(host)) return false
  return Number(/:([0-9]*)$/.exec(host.slice(host.indexOf(']') + 1))?.[1] ?? 0) <= 65535
}

/** The last field that was valid. The mark of a routed request is the same for every request. */
let lastName = ''
let lastValue = ''

/** Throws a RangeError if this is not a header field, so that a value from outside cannot add a line. */
export function checkField(name: string, value: string): void {
  if (name === lastName && value === lastValue && name !== '') return
  let valid = name !== ''
  for (let i = 0; i < name.length; i++) valid &&= isTokenChar(name.charCodeAt(i))
  if (!valid)
    throw new RangeError(
      `header name ${JSON.stringify(name)}: not a token (letters, digits and !#$%&'*+-.^_\`|~)`,
    )
  for (let i = 0; i < value.length; i++) {
    if (isValueChar(value.charCodeAt(i))) continue
    throw new RangeError(
      `header ${name}: the value ${JSON.stringify(value)} contains a character that a field must not contain`,
    )
  }
  lastName = name
  lastValue = value
}
