import { writeBaggageKey } from '@branchline/wire/baggage'
import { askedHops, EXPLAIN_HEADER } from '@branchline/wire/explain'
import {
  environmentNumber,
  mintRequestId,
  mintTraceparent,
  traceIdNumber,
  traceparentId,
} from '@branchline/wire/trace-id'
import { writeTracestateKey } from '@branchline/wire/tracestate'
import type { HeadEdits, RequestHead } from '../http/index.ts'
import type { TraceMode } from './config.ts'

export interface EditOptions {
  readonly trace: TraceMode
  /** `http` or `https`, as visitors came. */
  readonly scheme: string
  /** The header in which sidecars read a key as well. */
  readonly header: string | undefined
  /** Whether a visitor may ask which way its request took. Default: false. */
  readonly explain?: boolean
}

/** The fields of other tracers: in each a sidecar would read a key out of a trace id. */
const FOREIGN_TRACES = ['b3', 'uber-trace-id', 'x-cloud-trace-context'] as const

/** As much of a request as its edits depend on. */
type Sent = Pick<RequestHead, 'get' | 'host'>

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
    const restarts = options.trace === 'restart'
    const header = options.header === undefined ? [] : [options.header]
    this.#remove = [...(restarts ? FOREIGN_TRACES : []), 'x-real-ip', ...header]
    this.#removePrefix = ['x-branchline-', 'x-forwarded-', ...(restarts ? ['x-b3-'] : [])]
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
    const remove = trace === 'keep' ? [...this.#remove, ...forgedTraces(head)] : this.#remove
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
  return value === '1' || (value !== undefined && askedHops(value) !== undefined) ? value : undefined
}

/** A visitor's own, where it is valid and does not claim to be one that a relay minted. */
function keptTraceparent(sent: string | undefined): string | undefined {
  const id = sent === undefined ? undefined : traceparentId(sent)
  return id === undefined || traceIdNumber(id) !== undefined ? undefined : sent
}

/** Other tracers' fields that claim to be of a trace that a relay minted. */
function forgedTraces(head: Sent): string[] {
  const names = [...FOREIGN_TRACES, 'x-b3-traceid']
  return names.filter((name) =>
    traceIdNumber(/[0-9a-f]{32}/i.exec(head.get(name) ?? '')?.[0]?.toLowerCase() ?? ''),
  )
}

/** RFC 7239, 6: IPv6 is bracketed, and then quoted. */
const forwardedNode = (address: string): string => (address.includes(':') ? `"[${address}]"` : address)
