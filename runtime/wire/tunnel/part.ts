import { isKey } from '../key.ts'
import { TunnelProtocolError } from './error.ts'

/** Longest URL, in characters. */
const MAX_URL = 1024
/** Control characters, line separators, and marks that change the direction of text. */
// oxlint-disable-next-line no-control-regex -- the pattern is for these characters
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Parses JSON in UTF-8, which `what` names in errors. Throws a {@link TunnelProtocolError}. */
export function parse<T>(what: string, payload: Uint8Array, read: (from: Part) => T): T {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(payload))
  } catch {
    throw new TunnelProtocolError('protocol', `${what} is not JSON in UTF-8`)
  }
  return read(new Part(json, what))
}

/** A part of a JSON value, and where it stands. Read by hand: the library of a schema would be half of a relay. */
export class Part {
  readonly #value: unknown
  readonly #what: string
  readonly #path: string

  constructor(value: unknown, what: string, path = '') {
    this.#value = value
    this.#what = what
    this.#path = path
  }

  at(name: string): Part {
    const value = this.#value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.fault('an object')
    const found = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
    return this.#part(found, name)
  }

  list<T>(read: (from: Part) => T): T[] {
    if (!Array.isArray(this.#value)) throw this.fault('a list')
    return this.#value.map((value, index) => read(this.#part(value, String(index))))
  }

  is(text: string): boolean {
    return this.#value === text
  }

  label(): string {
    if (typeof this.#value === 'string' && isKey(this.#value)) return this.#value
    throw this.fault('a DNS label')
  }

  port(): number {
    return this.#number(1, 65_535)
  }

  optionalNumber(least: number, most: number): number | undefined {
    return this.#value === undefined ? undefined : this.#number(least, most)
  }

  optionalLabel(): string | undefined {
    return this.#value === undefined ? undefined : this.label()
  }

  optionalFlag(): boolean | undefined {
    if (this.#value === undefined || typeof this.#value === 'boolean') return this.#value
    throw this.fault('true or false')
  }

  text(most: number): string {
    const value = this.#value
    if (typeof value === 'string' && value.length <= most && !UNPRINTABLE.test(value)) return value
    throw this.fault(`a text of at most ${most} characters, none of which controls a terminal`)
  }

  /** A URL that people open: no other scheme, no user, and the host of this very label. */
  optionalUrlOf(label: string): string | undefined {
    const text = this.optionalText(MAX_URL)
    if (text === undefined) return undefined
    const url = URL.canParse(text) ? new URL(text) : undefined
    const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:'
    if (isWeb && url.username === '' && url.password === '' && url.hostname.startsWith(`${label}.`))
      return text
    throw this.fault(`an http:// or https:// URL with a host that begins with ${label}`)
  }

  optionalText(most: number): string | undefined {
    return this.#value === undefined ? undefined : this.text(most)
  }

  fault(wanted: string): TunnelProtocolError {
    const where = this.#path === '' ? '' : `${this.#path}: `
    return new TunnelProtocolError('protocol', `${this.#what}: ${where}wanted ${wanted}`)
  }

  #number(least: number, most: number): number {
    const value = this.#value
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
      return value as number
    throw this.fault(`a whole number from ${least} to ${most}`)
  }

  #part(value: unknown, name: string): Part {
    return new Part(value, this.#what, this.#path === '' ? name : `${this.#path}.${name}`)
  }
}
