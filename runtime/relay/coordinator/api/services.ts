import type { Dependency } from '@branchline/wire/circuits/health'
import type { JoinedWorker, WorkerFacts } from '@branchline/wire/circuits/worker'
import type { Logger } from '../../../process/log.ts'
import type { CircuitContext } from '../circuits/context.ts'
import type { ApiCounts } from './counts.ts'
import type { ApiLimits } from './limits.ts'

/** What the API needs of the coordinator. */
export interface ApiServices {
  readonly context: CircuitContext
  readonly logger: Logger
  readonly limits: ApiLimits
  /** Joins a worker with a join token. Rejects with a refusal. */
  readonly joinWorker: (token: string, facts: WorkerFacts) => Promise<JoinedWorker>
  /** What dependencies other than the database report, for `/health/status`. Default: none. */
  readonly dependencies?: () => readonly Dependency[]
  /** URLs of the metrics of coordinators, for `/sd`. Default: none. */
  readonly metrics?: () => readonly string[]
  /** Counts requests. Default: nothing does. */
  readonly counts?: ApiCounts
  /** Parses every response, so that a test finds one that is not documented. Default: false. */
  readonly checkResponses?: boolean
}
