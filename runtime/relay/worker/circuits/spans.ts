import { traceIdNumber, traceparentId } from '@branchline/wire/trace-id'
import type { ExchangeReport, HeadEdits } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import type { RequestSpan, SpanAttributes, Tracer } from '../../../telemetry/tracing.ts'
import type { TraceMode } from '../../../visitor/key-edits.ts'
import { CircuitForward, Path } from './forward.ts'
import type { PathRequest } from './paths.ts'

export interface CircuitSpansOptions {
  readonly tracer: Pick<Tracer, 'begin'>
  /** The name of this worker. */
  readonly worker: string
  /** What becomes of the trace of a visitor whose request goes to a target that is no service of a cluster. */
  readonly trace: TraceMode
}

type Traced = Pick<PathRequest, 'served' | 'sender' | 'head'>
interface Running extends Traced {
  readonly span: RequestSpan
}

/**
 * Records each request that a circuit forwards as one span, however often it is decided again. Replies without a target,
 * such as refused access, have none.
 */
export class CircuitSpans {
  readonly #options: CircuitSpansOptions
  readonly #running = new WeakMap<Head, Running>()

  constructor(options: CircuitSpansOptions) {
    this.#options = options
  }

  /** Begins the span of a request, unless it has begun. Returns the paths, on which the span is the parent. */
  begin(request: Traced, paths: readonly Path[]): readonly Path[] {
    const { served, sender, head } = request
    const span = this.#running.get(head)?.span ?? this.#start(head, paths[0])
    this.#running.set(head, { served, sender, head, span })
    const { traceparent } = span
    return traceparent === undefined ? paths : paths.map((path) => withParent(path, traceparent, head))
  }

  /** A request is done. */
  done(report: ExchangeReport): void {
    const running = this.#running.get(report.head)
    if (running === undefined) return
    this.#running.delete(report.head)
    const { status } = report
    running.span.end({ status, attributes: attributesOf(running, report, this.#options.worker) })
  }

  #start(head: Head, path: Path | undefined): RequestSpan {
    const { tracer, trace } = this.#options
    const came = head.get('traceparent')
    const traceparent = traceparentIn(path?.edits) ?? (trace === 'keep' ? came : undefined)
    const { method, target } = head
    const [pathOnly = ''] = target.split('?', 1)
    return tracer.begin({ method, path: pathOnly, traceparent, minted: traceparent !== came })
  }
}

const traceparentIn = (edits: HeadEdits | undefined): string | undefined =>
  edits?.set?.find(([name]) => name === 'traceparent')?.[1]

/** The environment's number in the trace id of a traceparent. Undefined if it carries none. */
function numberIn(traceparent: string | undefined): string | undefined {
  const id = traceparent === undefined ? undefined : traceparentId(traceparent)
  return id === undefined ? undefined : traceIdNumber(id)
}

/** A path whose trace id carries another key keeps its own trace, because the id leads sidecars to the environment. */
function withParent(path: Path, traceparent: string, head: Head): Path {
  const { set = [], remove = [] } = path.edits
  const own = traceparentIn(path.edits)
  if (numberIn(own) !== numberIn(traceparent)) return path
  const others = set.filter(([name]) => name !== 'traceparent')
  // The state of a trace that does not continue must not be forwarded (W3C Trace Context, 3.3).
  const came = head.get('traceparent')
  const continues = came !== undefined && traceparentId(came) === traceparentId(traceparent)
  const isStale = !continues && !others.some(([name]) => name === 'tracestate')
  return path.withEdits({
    ...path.edits,
    set: [...others, ['traceparent', traceparent]],
    ...(isStale && { remove: [...remove, 'tracestate'] }),
  })
}

/** Attributes of OpenTelemetry's semantic conventions for HTTP, and our own. */
function attributesOf(
  { served, sender, head }: Running,
  { reached, decision, error }: ExchangeReport,
  worker: string,
): SpanAttributes {
  const forward = decision instanceof CircuitForward ? decision : undefined
  const { deployed } = (reached instanceof Path ? reached : forward?.candidates[0])?.target ?? {}
  return {
    'url.scheme': sender.secure ? 'https' : 'http',
    'server.address': head.host,
    'client.address': sender.address,
    'network.protocol.version': head.version === 20 ? '2' : head.version === 10 ? '1.0' : '1.1',
    'error.type': error?.code,
    'branchline.circuit_key': served.circuit.key,
    'branchline.worker_id': worker,
    'branchline.target': deployed?.id,
    'branchline.cluster': deployed?.cluster?.name,
    'branchline.target.environment': deployed?.cluster?.environment,
    'network.peer.address': deployed?.address,
  }
}
