import { Histogram } from '../../../process/exposition.ts'

/** Bucket bounds of the time of a request, in seconds. */
const BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]
/** The operation of a request that is none. */
const NO_OPERATION = 'none'

/** What the API counts. Operations and statuses are few. */
export class ApiCounts {
  /** Requests by operation, then by status. */
  readonly requests = new Map<string, Map<number, number>>()
  readonly seconds = new Histogram(BOUNDS)
  /** Credentials that were not valid. */
  failedAuthentications = 0
  /** Requests that were refused with 429, because their address had sent too many credentials that were not valid. */
  limitedAuthentications = 0

  /** A request is over. Undefined operation: no route has its path and method. */
  done(operation: string | undefined, status: number, ms: number): void {
    const name = operation ?? NO_OPERATION
    const statuses = this.requests.get(name) ?? new Map<number, number>()
    this.requests.set(name, statuses)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    this.seconds.observe(ms / 1_000)
  }
}
