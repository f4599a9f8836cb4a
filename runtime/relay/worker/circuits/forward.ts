import type {
  Candidate,
  Client,
  Decision,
  Forward,
  HeadEdits,
  ResponseWaits,
} from '../../../proxy/decision.ts'
import type { HttpError } from '../../../proxy/errors.ts'
import type { Head } from '../../../proxy/head.ts'
import type { Upstream } from '../../../transport/transport.ts'
import type { Visitor } from '../frontends/connection.ts'
import type { ServedCircuit } from './served-circuit.ts'
import type { ServedTarget } from './served-target.ts'

/** One way to a target: its address, or one link of its cluster. */
export class Path implements Candidate {
  readonly target: ServedTarget
  readonly upstream: Upstream
  readonly edits: HeadEdits
  readonly speaks: Candidate['speaks']
  readonly waits: ResponseWaits | undefined
  readonly responseEdits: HeadEdits | undefined

  constructor(
    target: ServedTarget,
    upstream: Upstream,
    edits: HeadEdits,
    speaks: Candidate['speaks'],
    waits: ResponseWaits | undefined,
    responseEdits: HeadEdits | undefined,
  ) {
    this.target = target
    this.upstream = upstream
    this.edits = edits
    this.speaks = speaks
    this.waits = waits
    this.responseEdits = responseEdits
  }

  /** The same path with other edits of the request. */
  withEdits(edits: HeadEdits): Path {
    return new Path(this.target, this.upstream, edits, this.speaks, this.waits, this.responseEdits)
  }
}

/** What happens to a request that no path could serve. */
export interface Retries {
  again(forward: CircuitForward, error: HttpError): Decision | Promise<Decision> | undefined
}

/** The decision to forward a request of a circuit. It is counted until it is done. */
export class CircuitForward implements Forward {
  readonly served: ServedCircuit
  readonly candidates: readonly Path[]
  readonly bodyBytes: number | undefined
  readonly head: Head
  readonly client: Client
  /** Who it counts for. */
  readonly visitor: Visitor
  /** When it began to wait. Undefined if it has not waited. */
  readonly sinceMs: number | undefined
  /** The targets of the circuit when it was decided. */
  readonly among: readonly ServedTarget[]
  readonly #retries: Retries

  constructor(
    request: Pick<CircuitForward, 'served' | 'head' | 'client' | 'visitor' | 'sinceMs'>,
    candidates: readonly Path[],
    retries: Retries,
  ) {
    const { served, head, client, visitor, sinceMs } = request
    this.served = served
    this.head = head
    this.client = client
    this.visitor = visitor
    this.sinceMs = sinceMs
    this.candidates = candidates
    this.bodyBytes = served.allowance.bodyBytes
    this.among = served.targets
    this.#retries = retries
  }

  /** The target that counts the request. */
  get target(): ServedTarget | undefined {
    return this.candidates[0]?.target
  }

  otherwise(error: HttpError): Decision | Promise<Decision> | undefined {
    return this.#retries.again(this, error)
  }
}
