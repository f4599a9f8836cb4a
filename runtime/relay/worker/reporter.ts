import type { WorkerReport } from '@branchline/wire/circuits/messages'
import { LISTING_PAGE, REPORT_PAGE } from '@branchline/wire/circuits/protocol'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import type { CircuitReport } from './circuits/served-circuits.ts'
import type { TargetReport } from './circuits/target-report.ts'
import type { Usages } from './circuits/usage.ts'
import type { Listing } from './clusters/registry.ts'

type Heartbeat = Extract<WorkerReport, { type: 'heartbeat' }>

export interface ReporterOptions {
  readonly send: (report: WorkerReport) => void
  readonly heartbeatMs: number
  readonly facts: () => WorkerFacts
  readonly peerHash: string
  /** The ids of the credentials of clusters. */
  readonly credentials: readonly string[]
  /** The ids of the connected clusters. */
  readonly clusters: () => string[]
  readonly listings: () => Iterable<Listing>
  /** The last report about each target. */
  readonly targets: () => readonly TargetReport[]
  readonly usages: Usages
  readonly connected: () => boolean
  readonly state: () => Heartbeat['state']
  /** What the worker does now. `requests` counts from the start. */
  readonly load: () => {
    readonly connections: number
    readonly requests: number
    readonly circuits: number
    readonly streams: number
  }
}

/** What a worker tells its coordinator about itself and its clusters. */
export class Reporter {
  readonly #options: ReporterOptions
  /** Heartbeats that were sent to a coordinator so far. */
  heartbeats = 0
  #timer: NodeJS.Timeout | undefined
  /** By circuit: why it cannot be served. */
  readonly #faults = new Map<string, CircuitReport>()
  readonly #circuits: CircuitReport[] = []
  readonly #targets: TargetReport[] = []
  #flushing = false
  #last = { atMs: performance.now(), requests: 0, cpu: process.cpuUsage() }

  constructor(options: ReporterOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.beat(), this.#options.heartbeatMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Everything that a coordinator has to know first. */
  *introduce(): Iterable<WorkerReport> {
    const { facts, peerHash, credentials, clusters, listings, targets } = this.#options
    yield { type: 'facts', facts: facts(), peerHash, credentials: [...credentials], clusters: clusters() }
    for (const listing of listings()) yield* pagesOf(listing)
    for (const page of inPages([...this.#faults.values()])) yield { type: 'circuits', circuits: page }
    for (const page of inPages(targets())) yield { type: 'targets', targets: [...page] }
    yield this.#heartbeat()
  }

  listed(listing: Listing): void {
    for (const page of pagesOf(listing)) this.#options.send(page)
  }

  /** A circuit cannot be served, or can again. Reports of one turn go together. */
  circuit(report: CircuitReport): void {
    if (report.reason === undefined) this.#faults.delete(report.id)
    else this.#faults.set(report.id, report)
    this.#circuits.push(report)
    this.#flushSoon()
  }

  /** The health of a target has changed. Reports of one turn go together. */
  target(report: TargetReport): void {
    this.#targets.push(report)
    this.#flushSoon()
  }

  unlisted({ credential, cluster }: { readonly credential: string; readonly cluster: string }): void {
    this.#options.send({ type: 'unlisted', credential, cluster })
  }

  beat(): void {
    this.#options.send(this.#heartbeat())
    if (!this.#options.connected()) return
    this.heartbeats++
    const { reports } = this.#options.usages.take(REPORT_PAGE)
    if (reports.length > 0) this.#options.send({ type: 'usage', circuits: [...reports] })
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      for (const page of inPages(this.#circuits.splice(0)))
        this.#options.send({ type: 'circuits', circuits: page })
      for (const page of inPages(this.#targets.splice(0)))
        this.#options.send({ type: 'targets', targets: page })
    })
  }

  #heartbeat(): Heartbeat {
    const { load, state } = this.#options
    const { requests, ...counts } = load()
    const before = this.#last
    const now = { atMs: performance.now(), requests, cpu: process.cpuUsage() }
    this.#last = now
    const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1_000)
    const micros = now.cpu.user + now.cpu.system - before.cpu.user - before.cpu.system
    return {
      type: 'heartbeat',
      state: state(),
      load: {
        ...counts,
        requestsPerSecond: (requests - before.requests) / seconds,
        cpu: Math.max(0, micros / 1_000_000 / seconds),
        memoryBytes: process.memoryUsage.rss(),
      },
    }
  }
}

/** A list in pages, each of which fits in one message. */
function* inPages<T>(list: readonly T[]): Iterable<T[]> {
  for (let start = 0; start < list.length; start += REPORT_PAGE) yield list.slice(start, start + REPORT_PAGE)
}

/** A listing as messages, each of which is short enough. */
function* pagesOf({ credential, cluster, upsert, remove, more, settled }: Listing): Iterable<WorkerReport> {
  const pages = Math.max(1, Math.ceil(Math.max(upsert.length, remove.length) / LISTING_PAGE))
  for (let page = 0; page < pages; page++) {
    const cut = <T>(list: readonly T[]): T[] => list.slice(page * LISTING_PAGE, (page + 1) * LISTING_PAGE)
    const isLast = page === pages - 1
    const goesOn = more || !isLast
    yield {
      type: 'listing',
      credential,
      cluster,
      upsert: cut(upsert),
      remove: cut(remove),
      ...(goesOn && { more: true }),
      settled: settled && isLast,
    }
  }
}
