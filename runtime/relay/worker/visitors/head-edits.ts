import { writeBaggageKey } from '@branchline/wire/baggage'
import { requestedTrace, EXPLAIN_HEADER } from '@branchline/wire/explain'
import { environmentNumber, mintRequestId, mintTraceparent, traceparentId } from '@branchline/wire/trace-id'
import { writeTracestateKey } from '@branchline/wire/tracestate'
import { foldName } from '../../../proxy/grammar.ts'
import type { HeadEdits } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import type { TraceMode } from '../../config.ts'
import { claimsOurTrace, isTracer, KEPT, RESTARTED } from './tracers.ts'

export interface EditOptions {
  readonly trace: TraceMode
  /** The scheme of visitors' requests, `http` or `https`. */
  readonly scheme: string
  /** The additional header in which sidecars read a key. */
  readonly header: string | undefined
  /** Whether a visitor may ask for the path of its request. Default: false. */
  readonly explain?: boolean
}

/** The part of a request on which its edits depend. */
type Sent = Pick<Head, 'get' | 'host' | 'entries'>

/** Fields that only the relay or sidecars write. They are removed from every request, and refused in its trailers. */
const OURS = {
  remove: ['x-real-ip'],
  removePrefix: ['x-branchline-', 'x-forwarded-'],
}
const WRITTEN = new Set(['tracestate', 'baggage', 'traceparent', 'x-request-id', 'forwarded'])

/**
 * The trailers that the relay refuses, by their names in lower case: the fields that it writes or removes in the head,
 * in any trace mode, because an app may treat trailers as headers.
 */
export function refusedTrailers(header: string | undefined): (name: string) => boolean {
  const names = new Set([
    ...WRITTEN,
    ...OURS.remove,
    ...RESTARTED.remove,
    ...(header === undefined ? [] : [header]),
  ])
  const prefixes = [...OURS.removePrefix, ...RESTARTED.removePrefix]
  return (name) => {
    const folded = foldName(name)
    return names.has(folded) || prefixes.some((prefix) => folded.startsWith(prefix))
  }
}

/**
 * The edits of visitors' requests for one preview before they enter a cluster. A request carries only the preview's key,
 * whatever the visitor sent (wire/SPEC.md, 1), in tracestate, baggage and new ids. Fields that only sidecars write are
 * removed. The relay writes the forwarded fields itself (`x-forwarded-*`, RFC 7239).
 */
export class VisitorEdits {
  readonly #key: string
  readonly #number: string
  readonly #options: EditOptions
  readonly #scheme: Field
  /** The fields for requests without tracestate and baggage, such as those of browsers. */
  readonly #plain: { readonly tracestate: Field; readonly baggage: Field }
  readonly #remove: readonly string[]
  readonly #removePrefix: readonly string[]

  constructor(key: string, options: EditOptions) {
    this.#key = key
    this.#number = environmentNumber(key)
    this.#options = options
    this.#scheme = ['x-forwarded-proto', options.scheme]
    this.#plain = {
      tracestate: ['tracestate', writeTracestateKey('', key)],
      baggage: ['baggage', writeBaggageKey('', key)],
    }
    const traces = options.trace === 'restart' ? RESTARTED : KEPT
    const header = options.header === undefined ? [] : [options.header]
    this.#remove = [...traces.remove, ...OURS.remove, ...header]
    this.#removePrefix = [...traces.removePrefix, ...OURS.removePrefix]
  }

  /** The edits of one request from an address. */
  of(head: Sent, remoteAddress: string | undefined): HeadEdits {
    const { trace, scheme, explain } = this.#options
    const number = this.#number
    const address = remoteAddress ?? 'unknown'
    const set: Field[] = [
      this.#tracestate(head.get('tracestate')),
      this.#baggage(head.get('baggage')),
      ['traceparent', this.#keptTraceparent(head) ?? mintTraceparent(number)],
      ['x-request-id', mintRequestId(number)],
      ['x-forwarded-for', address],
      this.#scheme,
      ['x-forwarded-host', head.host],
      ['forwarded', `for=${forwardedNode(address)};host="${head.host}";proto=${scheme}`],
    ]
    const question = explain === true ? explainQuestion(head.get(EXPLAIN_HEADER)) : undefined
    if (question !== undefined) set.push([EXPLAIN_HEADER, question])
    const remove = trace === 'keep' ? [...this.#remove, ...forgedTraces(head.entries())] : this.#remove
    return { set, remove, removePrefix: this.#removePrefix }
  }

  #tracestate(sent: string | undefined): Field {
    return sent === undefined ? this.#plain.tracestate : ['tracestate', writeTracestateKey(sent, this.#key)]
  }

  #baggage(sent: string | undefined): Field {
    return sent === undefined ? this.#plain.baggage : ['baggage', writeBaggageKey(sent, this.#key)]
  }

  #keptTraceparent(head: Sent): string | undefined {
    return this.#options.trace === 'keep' ? keptTraceparent(head.get('traceparent')) : undefined
  }
}

type Field = readonly [name: string, value: string]

/** The explain field of a visitor. Only the question passes, because a visitor's path is not one that sidecars wrote. */
function explainQuestion(value: string | undefined): string | undefined {
  return value === '1' || (value !== undefined && requestedTrace(value) !== undefined) ? value : undefined
}

/** A visitor's own traceparent, if it is valid and carries no relay's marker. */
function keptTraceparent(sent: string | undefined): string | undefined {
  return sent === undefined || traceparentId(sent) === undefined || claimsOurTrace(sent) ? undefined : sent
}

/** The names of other tracers' fields that carry a relay's marker. */
const forgedTraces = (fields: readonly (readonly [name: string, value: string])[]): string[] =>
  fields
    .map(([name, value]) => [foldName(name), value] as const)
    .filter(([name, value]) => isTracer(name) && claimsOurTrace(value))
    .map(([name]) => name)

/** The node of a forwarded field. RFC 7239, 6: IPv6 is put in brackets and quoted. */
const forwardedNode = (address: string): string => (address.includes(':') ? `"[${address}]"` : address)
