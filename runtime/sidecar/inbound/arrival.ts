import type { Inbound } from '@branchline/wire/inbound'
import type { Upstream } from '../../http/index.ts'
import type { Balancer } from '../balance.ts'
import type { Metrics } from '../metrics.ts'
import type { Routes } from '../table.ts'

/** What all listeners of a sidecar share. */
export interface Surroundings {
  /** The table of the moment; undefined before the first. */
  readonly routes: () => Routes | undefined
  readonly balancer: Balancer
  readonly metrics: Metrics
  /** The configured header that carries a key, in lower case. */
  readonly keyHeader: string | undefined
}

/** Through which listener a connection came, and the app for which that stands. */
export interface Arrival {
  readonly inbound: Inbound
  readonly app: Upstream
}
