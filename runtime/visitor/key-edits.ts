import { writeBaggageKey } from '@branchline/wire/baggage'
import {
  environmentNumber,
  mintRequestId,
  mintTraceparent,
  requestIdNumber,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import { writeTracestateKey } from '@branchline/wire/tracestate'
import type { HeadEdits } from '../proxy/decision.ts'
import { foldName } from '../proxy/grammar.ts'
import type { Head } from '../proxy/head.ts'
import { claimsOurTrace, isTracer, KEPT, RESTARTED } from './tracers.ts'

/**
 * `restart`: every request begins a new trace. `keep`: a trace continues, unless it carries our marker and belongs to
 * another key.
 */
export type TraceMode = 'restart' | 'keep'

export interface KeyEditOptions {
  readonly trace: TraceMode
  /** The additional header in which sidecars read a key. */
  readonly header: string | undefined
}

/** The part of a request on which its edits depend. */
export type Sent = Pick<Head, 'get' | 'entries'>
export type Field = readonly [name: string, value: string]

/** Edits of fields, each part present. */
export type FieldEdits = Required<Pick<HeadEdits, 'set' | 'remove' | 'removePrefix'>>

/** Fields that {@link KeyEdits} writes. */
const WRITTEN = ['tracestate', 'baggage', 'traceparent', 'x-request-id']
/** Fields that only the relay and sidecars write. */
const OURS = 'x-branchline-'

/**
 * The edits that leave one key in the request of a visitor, whatever the visitor sent (wire/SPEC.md, 1): in tracestate,
 * in baggage, and in new ids.
 */
export class KeyEdits {
  readonly #key: string
  readonly #number: string
  readonly #keepsTrace: boolean
  /** The fields for requests without tracestate and baggage, such as those of browsers. */
  readonly #plain: { readonly tracestate: Field; readonly baggage: Field }
  readonly #remove: readonly string[]
  readonly #removePrefix: readonly string[]

  constructor(key: string, { trace, header }: KeyEditOptions) {
    this.#key = key
    this.#number = environmentNumber(key)
    this.#keepsTrace = trace === 'keep'
    this.#plain = {
      tracestate: ['tracestate', writeTracestateKey('', key)],
      baggage: ['baggage', writeBaggageKey('', key)],
    }
    const traces = this.#keepsTrace ? KEPT : RESTARTED
    this.#remove = header === undefined ? traces.remove : [...traces.remove, header]
    this.#removePrefix = [...traces.removePrefix, OURS]
  }

  of(head: Sent): FieldEdits {
    const set: Field[] = [
      this.#tracestate(head.get('tracestate')),
      this.#baggage(head.get('baggage')),
      ['traceparent', this.#keptTraceparent(head) ?? mintTraceparent(this.#number)],
      ['x-request-id', this.#keptRequestId(head) ?? mintRequestId(this.#number)],
    ]
    const remove = this.#keepsTrace ? [...this.#remove, ...forgedTraces(head.entries())] : this.#remove
    return { set, remove, removePrefix: this.#removePrefix }
  }

  #tracestate(sent: string | undefined): Field {
    return sent === undefined ? this.#plain.tracestate : ['tracestate', writeTracestateKey(sent, this.#key)]
  }

  #baggage(sent: string | undefined): Field {
    return sent === undefined ? this.#plain.baggage : ['baggage', writeBaggageKey(sent, this.#key)]
  }

  /** A valid traceparent that carries no marker, or only that of this key. */
  #keptTraceparent(head: Sent): string | undefined {
    const sent = this.#keepsTrace ? head.get('traceparent') : undefined
    const id = sent === undefined ? undefined : traceparentId(sent)
    if (sent === undefined || id === undefined) return undefined
    if (!claimsOurTrace(sent)) return sent
    return traceIdNumber(id) === this.#number && !claimsOurTrace(sent.replace(id, id.slice(8)))
      ? sent
      : undefined
  }

  #keptRequestId(head: Sent): string | undefined {
    const sent = this.#keepsTrace ? head.get('x-request-id') : undefined
    return sent !== undefined && requestIdNumber(sent) === this.#number ? sent : undefined
  }
}

/**
 * The trailers to refuse, by their names in lower case: the fields that {@link KeyEdits} writes or removes in the head,
 * in any trace mode, and these. An app may treat trailers as headers.
 */
export function refusedTrailers(
  header: string | undefined,
  others: { readonly names: readonly string[]; readonly prefixes: readonly string[] } = NONE,
): (name: string) => boolean {
  const names = new Set([
    ...WRITTEN,
    ...RESTARTED.remove,
    ...others.names,
    ...(header === undefined ? [] : [header]),
  ])
  const prefixes = [OURS, ...RESTARTED.removePrefix, ...others.prefixes]
  return (name) => {
    const folded = foldName(name)
    return names.has(folded) || prefixes.some((prefix) => folded.startsWith(prefix))
  }
}

const NONE = { names: [], prefixes: [] }

/** The names of other tracers' fields that carry a relay's marker. */
const forgedTraces = (fields: readonly (readonly [name: string, value: string])[]): string[] =>
  fields
    .map(([name, value]) => [foldName(name), value] as const)
    .filter(([name, value]) => isTracer(name) && claimsOurTrace(value))
    .map(([name]) => name)
