import { isKey } from '@branchline/wire/key'
import type { HeadEdits } from '../../proxy/decision.ts'
import type { Head } from '../../proxy/head.ts'
import { type FieldEdits, KeyEdits, refusedTrailers } from '../../visitor/key-edits.ts'

/** A request that a visitor sent through an ingress. */
export interface Entered {
  /** The key that its host means. */
  readonly key: string
  /** Its fields as they are after the edits. */
  readonly fields: Pick<Head, 'get'>
  /** What leaves only that key in it. */
  readonly edits: FieldEdits
}

/** The largest number of keys whose edits are kept. */
const MAX_KEYS = 1_000

/**
 * The requests of visitors that reach a service through the cluster's own ingress, without a relay: those whose host is
 * the entry domain or below it. `alice.shop.example.com` means the key `alice`; every other host means the environment
 * of the pod. Only the host determines the key, so all keys that a visitor sent are removed, as at the relay. A trace
 * continues, because an ingress may have begun it.
 */
export class Entry {
  /** The trailers that are refused, because an app may treat trailers as headers. */
  readonly refusesTrailer: (name: string) => boolean
  readonly #domain: string
  readonly #header: string | undefined
  readonly #edits = new Map<string, KeyEdits>()

  constructor(domain: string, header: string | undefined) {
    this.#domain = domain
    this.#header = header
    this.refusesTrailer = refusedTrailers(header)
  }

  /** `own` is the environment of the pod. Undefined for a request to another host, such as one of another service. */
  enter(head: Head, own: string): Entered | undefined {
    // Whatever stands before the domain, an ingress for all of its hosts may send it here.
    const host = head.host.toLowerCase().replace(/\.?(?::\d*)?$/, '')
    if (host !== this.#domain && !host.endsWith(`.${this.#domain}`)) return undefined
    const label = host.slice(0, Math.max(0, host.length - this.#domain.length - 1))
    const key = isKey(label) ? label : own
    const edits = this.#editsOf(key).of(head)
    return { key, edits, fields: new EditedFields(head, edits) }
  }

  #editsOf(key: string): KeyEdits {
    const known = this.#edits.get(key)
    if (known !== undefined) return known
    // Visitors choose the host, so this must not grow.
    if (this.#edits.size >= MAX_KEYS) this.#edits.clear()
    const edits = new KeyEdits(key, { trace: 'keep', header: this.#header })
    this.#edits.set(key, edits)
    return edits
  }
}

/** The fields of a head as they are after edits. Names are in lower case. */
class EditedFields implements Pick<Head, 'get'> {
  readonly #head: Head
  readonly #edits: FieldEdits

  constructor(head: Head, edits: FieldEdits) {
    this.#head = head
    this.#edits = edits
  }

  get(name: string): string | undefined {
    const { set, remove, removePrefix } = this.#edits
    const field = set.find(([one]) => one === name)
    if (field !== undefined) return field[1]
    if (remove.includes(name) || removePrefix.some((prefix) => name.startsWith(prefix))) return undefined
    return this.#head.get(name)
  }
}

/** Edits that follow those of an entered request. What they set takes precedence. */
export function afterEntry(entered: Entered | undefined, edits: HeadEdits): HeadEdits {
  if (entered === undefined) return edits
  const { set = [], remove = [], removePrefix = [] } = edits
  const names = new Set(set.map(([name]) => name))
  return {
    set: [...entered.edits.set.filter(([name]) => !names.has(name)), ...set],
    remove: [...entered.edits.remove, ...remove],
    removePrefix: [...entered.edits.removePrefix, ...removePrefix],
  }
}
