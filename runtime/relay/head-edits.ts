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
const FORWARDED = ['forwarded', 'x-real-ip'] as const

/**
 * What a visitor's request becomes before it enters a cluster: the preview's key alone, whatever the visitor
 * sent (wire/SPEC.md, 1), in tracestate, baggage and fresh ids; nothing that only sidecars write; and who
 * asked for what (`x-forwarded-*`, RFC 7239), not what a visitor claims of that.
 */
export function visitorEdits(
  head: Pick<RequestHead, 'get' | 'host'>,
  key: string,
  remoteAddress: string | undefined,
  options: EditOptions,
): HeadEdits {
  const number = environmentNumber(key)
  const traceparent = options.trace === 'keep' ? keptTraceparent(head.get('traceparent')) : undefined
  const address = remoteAddress ?? 'unknown'
  const way = options.explain === true ? askedWay(head.get(EXPLAIN_HEADER)) : undefined
  const set: (readonly [string, string])[] = [
    ['tracestate', writeTracestateKey(head.get('tracestate') ?? '', key)],
    ['baggage', writeBaggageKey(head.get('baggage') ?? '', key)],
    ['traceparent', traceparent ?? mintTraceparent(number)],
    ['x-request-id', mintRequestId(number)],
    ['x-forwarded-for', address],
    ['x-forwarded-proto', options.scheme],
    ['x-forwarded-host', head.host],
    ...(way === undefined ? [] : [[EXPLAIN_HEADER, way] as const]),
    ['forwarded', `for=${forwardedNode(address)};host="${head.host}";proto=${options.scheme}`],
  ]
  return {
    set,
    remove: [...removedTraces(head, options.trace), ...FORWARDED.slice(1), ...headerOf(options.header)],
    removePrefix: ['x-branchline-', 'x-forwarded-', ...(options.trace === 'restart' ? ['x-b3-'] : [])],
  }
}

/** The question alone: what a visitor says of the way so far is nothing that sidecars said. */
function askedWay(value: string | undefined): string | undefined {
  return value === '1' || (value !== undefined && askedHops(value) !== undefined) ? value : undefined
}

/** A visitor's own, where it is valid and does not claim to be one that a relay minted. */
function keptTraceparent(sent: string | undefined): string | undefined {
  const id = sent === undefined ? undefined : traceparentId(sent)
  return id === undefined || traceIdNumber(id) !== undefined ? undefined : sent
}

function removedTraces(head: Pick<RequestHead, 'get'>, trace: TraceMode): string[] {
  if (trace === 'restart') return [...FOREIGN_TRACES]
  const names = [...FOREIGN_TRACES, 'x-b3-traceid']
  return names.filter((name) =>
    traceIdNumber(/[0-9a-f]{32}/i.exec(head.get(name) ?? '')?.[0]?.toLowerCase() ?? ''),
  )
}

const headerOf = (header: string | undefined): string[] => (header === undefined ? [] : [header])

/** RFC 7239, 6: IPv6 is bracketed, and then quoted. */
const forwardedNode = (address: string): string => (address.includes(':') ? `"[${address}]"` : address)
