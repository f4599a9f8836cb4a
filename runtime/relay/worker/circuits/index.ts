import type { DialPolicy } from '../../dial-policy.ts'
import { DEFAULT_TCP_LIMITS, type TcpLimits } from '../backends/tcp.ts'
import type { Lookup } from '../clusters/cluster.ts'
import type { Apex } from '../visitors/apex.ts'
import type { EditOptions } from '../visitors/head-edits.ts'
import { Hold, type HoldLimits } from '../visitors/hold.ts'
import type { Visitors } from '../visitors/visitors.ts'
import { type CircuitAccess, PublicOnly } from './access.ts'
import { Circuits } from './circuits.ts'
import { ActiveHealth } from './health/active.ts'
import type { CheckLimits } from './health/limits.ts'
import { PassiveHealth } from './health/passive.ts'
import { TargetReports } from './health/reports.ts'
import type { ClusterLinks, StreamLink } from './links.ts'
import { PathFinder } from './paths.ts'
import type { CircuitSpans } from './spans.ts'
import { RegisteredPreviews } from './registered-previews.ts'
import { type CircuitReport, ServedCircuits } from './served-circuits.ts'
import type { TargetReport } from './target-report.ts'
import { TcpCircuits } from './tcp-circuits.ts'

export interface WorkerCircuitsOptions {
  /** The domain below which the labels of circuits are. */
  readonly domain: string
  readonly edits: EditOptions
  readonly policy: DialPolicy
  readonly links: ClusterLinks
  /** The previews that clusters have registered here, by label. They are served if no table contains them. Default: none. */
  readonly registered?: (label: string) => Lookup<StreamLink>
  /** Default: only public circuits may be used. */
  readonly access?: CircuitAccess
  readonly apex: Apex
  readonly visitors: Visitors
  readonly hold: HoldLimits
  /** Whether the relay has just started, so that clusters may not have returned yet. */
  readonly isReturning: () => boolean
  /** The maximum running requests of a circuit that leads to clusters. 0: no limit. */
  readonly requestsPerPreview: number
  /** That of the engines. */
  readonly responseProgressMs: number
  /** The most circuits with metrics of their own. */
  readonly series?: number
  /** Records requests as spans. Default: no spans. */
  readonly spans?: CircuitSpans | undefined
  readonly checks?: Partial<CheckLimits>
  readonly tcp?: Partial<TcpLimits>
  /** Called when a circuit of the table cannot be served, or can again. */
  readonly onCircuit?: (report: CircuitReport) => void
  /** Called at each change of a target's health. */
  readonly onTarget?: (report: TargetReport) => void
}

/** The circuits of a worker: what they are, how requests are routed, and the health of their targets. */
export interface WorkerCircuits {
  /** Give it the table: `served.apply(delta.circuits)` or `served.replace(table.circuits)`. */
  readonly served: ServedCircuits
  readonly circuits: Circuits
  readonly access: CircuitAccess
  /** TCP connections to ports, and those of `circuit forward`. */
  readonly tcp: TcpCircuits
  readonly hold: Hold
  /** Results of health checks so far. */
  readonly checks: Pick<ActiveHealth, 'results'>
  stop(): void
}

const NONE = (): Lookup<StreamLink> => ({ state: 'unknown' })

/** Makes the circuits of a worker, which are none at first. */
export function workerCircuits(options: WorkerCircuitsOptions): WorkerCircuits {
  const { domain, edits, policy, registered = NONE, access = new PublicOnly(), apex, visitors } = options
  const { series, onCircuit = () => {} } = options
  const served = new ServedCircuits({ policy, edits, series, onCircuit })
  const paths = new PathFinder(options.links, options.responseProgressMs)
  const reports = new TargetReports(options.onTarget ?? (() => {}))
  const active = new ActiveHealth(paths, reports, options.checks)
  served.listen(active)
  const health = new PassiveHealth({
    seen(circuit, target, reason) {
      // Where there are checks, they decide.
      if (active.hurry(circuit, target)) return
      reports.add(circuit, target, reason === undefined ? 'HEALTHY' : 'UNHEALTHY', reason)
    },
  })
  const hold = new Hold(options.hold, (id) => circuits.isServed(id))
  const circuits = new Circuits({
    domain,
    scheme: edits.scheme === 'https' ? 'https' : 'http',
    served,
    previews: new RegisteredPreviews(served, registered),
    paths,
    access,
    health,
    apex,
    visitors,
    hold,
    isReturning: options.isReturning,
    requestsPerPreview: options.requestsPerPreview,
    spans: options.spans,
  })
  const limits = { ...DEFAULT_TCP_LIMITS, ...options.tcp }
  const tcp = new TcpCircuits({ served, paths, access, health, visitors, limits })
  return { served, circuits, access, tcp, hold, checks: active, stop: () => active.stop() }
}
