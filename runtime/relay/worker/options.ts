import type { Duplex } from 'node:stream'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import type { Logger } from '../../process/log.ts'
import type { Running } from '../../process/main.ts'
import type { RelayConfig } from '../config.ts'
import type { CircuitSpans } from './circuits/spans.ts'
import type { HttpsOptions } from './frontends/listeners.ts'

/** How a worker reaches the coordinator that leads. */
export interface CoordinatorLink {
  /** The URLs of coordinators, `http:` or `https:`. They are tried in turn. */
  readonly coordinators: readonly string[]
  /** Connects to a URL in another way than by TCP. Undefined for URLs for which it does not. */
  readonly connect?: (url: string) => Duplex | undefined
  /** Returns the credential of a worker with these facts. If it has none, it joins at this coordinator. */
  readonly credential: (facts: WorkerFacts, coordinator: string) => Promise<string>
  /** The coordinator does not know the credential. */
  readonly onUnknown: () => void
}

export interface WorkerOptions {
  readonly config: RelayConfig
  readonly link: CoordinatorLink
  readonly version: string
  readonly logger: Logger
  /** The port with the metrics. */
  readonly adminPort: number
  /** The worker has been removed: end it. */
  readonly onRemoved: () => void
  /** A second listener of visitors. Undefined: none. */
  readonly https?: HttpsOptions | undefined
  /** Records requests as spans. Undefined: no spans. */
  readonly spans?: CircuitSpans | undefined
}

/** A worker that runs. */
export interface RunningWorker extends Running {
  readonly httpPort: number
  readonly httpsPort: number | undefined
  readonly tunnelPort: number
  /** Why it cannot take traffic. Undefined if it can. */
  notReady(): string | undefined
  /** Whether a host leads to a circuit. */
  serves(host: string): boolean
  /** All metrics, in Prometheus' text format. */
  metrics(): Promise<string>
  /** All host labels, for people to read. */
  previews(): unknown
}
