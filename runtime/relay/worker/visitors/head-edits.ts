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
  /** `http` or `https`, as visitors came. */
  readonly scheme: string
  /** The header in which sidecars read a key as well. */
  readonly header: string | undefined
  /** Whether a visitor may ask which way its request took. Default: false. */
  readonly explain?: boolean
}

/** As much of a request as its edits depend on. */
type Sent = Pick<Head, 'get' | 'host' | 'entries'>

/** What goes of every visitor's request, and must not come in its trailers: what the relay or sidecars write. */
const OURS = {
  remove: ['x-real-ip'],
  removePrefix: ['x-branchline-', 'x-forwarded-'],
}
const WRITTEN = new Set(['tracestate', 'baggage', 'traceparent', 'x-request-id', 'forwarded'])

/**
 * The trailers that the relay refuses, by their names in lower case: of those fields that it writes or removes in the
 * head, whatever becomes of the visitor's trace, since an app may take trailers for headers.
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
 * What visitors' requests for one preview become before they enter a cluster: the preview's key alone, whatever
 * the visitor sent (wire/SPEC.md, 1), in tracestate, baggage and fresh ids; nothing that only sidecars write;
 * and who asked for what (`x-forwarded-*`, RFC 7239), not what a visitor claims of that.
 */
export class VisitorEdits {
  readonly #key: string
  readonly #number: string
  readonly #options: EditOptions
  readonly #scheme: Field
  /** Of requests that bring neither tracestate nor baggage, as browsers' do. */
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

  /** The edits of one request, from an address. */
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
    const way = explain === true ? askedWay(head.get(EXPLAIN_HEADER)) : undefined
    if (way !== undefined) set.push([EXPLAIN_HEADER, way])
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

/** The question alone: what a visitor says of the way so far is nothing that sidecars said. */
function askedWay(value: string | undefined): string | undefined {
  return value === '1' || (value !== undefined && requestedTrace(value) !== undefined) ? value : undefined
}

/** A visitor's own, where it is valid and does not claim to be of a trace that a relay minted. */
function keptTraceparent(sent: string | undefined): string | undefined {
  return sent === undefined || traceparentId(sent) === undefined || claimsOurTrace(sent) ? undefined : sent
}

/** The names of other tracers' fields that claim to be of a trace that a relay minted. */
const forgedTraces = (fields: readonly (readonly [name: string, value: string])[]): string[] =>
  fields
    .map(([name, value]) => [foldName(name), value] as const)
    .filter(([name, value]) => isTracer(name) && claimsOurTrace(value))
    .map(([name]) => name)

/** RFC 7239, 6: IPv6 is bracketed, and then quoted. */
const forwardedNode = (address: string): string => (address.includes(':') ? `"[${address}]"` : address)
