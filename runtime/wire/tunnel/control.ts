import { isKey } from '../key.ts'
import { TunnelProtocolError } from './error.ts'

/** What a stream is for: a port of a Service, as an environment sees it. Never an address. */
export interface StreamTarget {
  readonly environment: string
  readonly service: string
  readonly port: number
}

/**
 * A preview that a cluster asks a relay to serve: `label` is the leftmost label of its host, `key` what its
 * requests carry. Of `access` a relay serves `public` alone, and refuses what it does not know.
 */
export interface RegisteredPreview extends StreamTarget {
  readonly label: string
  readonly key: string
  readonly access: string
}

/** From a cluster: first `register`, all that it has; then what changes. */
export type ClusterMessage =
  | { readonly type: 'register'; readonly cluster: string; readonly previews: RegisteredPreview[] }
  | { readonly type: 'update'; readonly upsert: RegisteredPreview[]; readonly remove: string[] }
  | GoAway

/** What became of a label: its URL, or a sentence that says why it is not served. */
export interface Registration {
  readonly label: string
  readonly url?: string
  readonly refusal?: string
}

/** From a relay: an answer for every label asked for, again whenever that changes; `goaway` before it ends. */
export type RelayMessage = { readonly type: 'registered'; readonly previews: Registration[] } | GoAway

interface GoAway {
  readonly type: 'goaway'
  readonly reason: string
}

const MAX_ACCESS = 64
const MAX_TEXT = 1024

/** Parses what an OPEN frame wants; throws a {@link TunnelProtocolError}. */
export const parseTarget = (payload: Uint8Array): StreamTarget => parse('OPEN', payload, readTarget)
/** Parses a control message of a cluster; throws a {@link TunnelProtocolError}. */
export const parseClusterMessage = (payload: Uint8Array): ClusterMessage =>
  parse('a cluster’s control message', payload, readClusterMessage)
/** Parses a control message of a relay; throws a {@link TunnelProtocolError}. */
export const parseRelayMessage = (payload: Uint8Array): RelayMessage =>
  parse('a relay’s control message', payload, readRelayMessage)

const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse<T>(what: string, payload: Uint8Array, read: (from: Part) => T): T {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(payload))
  } catch {
    throw new TunnelProtocolError('protocol', `${what} is not JSON in UTF-8`)
  }
  return read(new Part(json, what))
}

const readTarget = (from: Part): StreamTarget => ({
  environment: from.at('environment').label(),
  service: from.at('service').label(),
  port: from.at('port').port(),
})

const readPreview = (from: Part): RegisteredPreview => ({
  label: from.at('label').label(),
  ...readTarget(from),
  key: from.at('key').label(),
  access: from.at('access').text(MAX_ACCESS),
})

function readClusterMessage(from: Part): ClusterMessage {
  const type = from.at('type')
  if (type.is('register')) {
    const previews = from.at('previews').list(readPreview)
    return { type: 'register', cluster: from.at('cluster').label(), previews }
  }
  if (type.is('update')) {
    const remove = from.at('remove').list((label) => label.label())
    return { type: 'update', upsert: from.at('upsert').list(readPreview), remove }
  }
  return readGoAway(from, 'register, update or goaway')
}

function readRelayMessage(from: Part): RelayMessage {
  if (!from.at('type').is('registered')) return readGoAway(from, 'registered or goaway')
  return { type: 'registered', previews: from.at('previews').list(readRegistration) }
}

function readRegistration(from: Part): Registration {
  const url = from.at('url').optionalText(MAX_TEXT)
  const refusal = from.at('refusal').optionalText(MAX_TEXT)
  return {
    label: from.at('label').label(),
    ...(url !== undefined && { url }),
    ...(refusal !== undefined && { refusal }),
  }
}

function readGoAway(from: Part, types: string): GoAway {
  const type = from.at('type')
  if (!type.is('goaway')) throw type.fault(types)
  return { type: 'goaway', reason: from.at('reason').text(MAX_TEXT) }
}

/** A part of a JSON value, and where it stands. Read by hand: the library of a schema would be half of a relay. */
class Part {
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
    const value = this.#value
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65_535)
      return value as number
    throw this.fault('a whole number from 1 to 65535')
  }

  text(most: number): string {
    if (typeof this.#value === 'string' && this.#value.length <= most) return this.#value
    throw this.fault(`a text of at most ${most} characters`)
  }

  optionalText(most: number): string | undefined {
    return this.#value === undefined ? undefined : this.text(most)
  }

  fault(wanted: string): TunnelProtocolError {
    const where = this.#path === '' ? '' : `${this.#path}: `
    return new TunnelProtocolError('protocol', `${this.#what}: ${where}wanted ${wanted}`)
  }

  #part(value: unknown, name: string): Part {
    return new Part(value, this.#what, this.#path === '' ? name : `${this.#path}.${name}`)
  }
}
