import type { Clock } from '../proxy/clock.ts'
import type { Client, FailureReply, Observer, Route } from '../proxy/decision.ts'
import type { Http2Limits } from './limits.ts'
import type { SessionPool } from './upstream.ts'

/** What the connections of one engine share. */
export interface Http2Parts {
  readonly route: Route
  readonly failure: FailureReply | undefined
  readonly observer: Observer
  readonly refusesTrailer: ((name: string) => boolean) | undefined
  readonly limits: Http2Limits
  /** The Via field of requests; undefined if there is no pseudonym. */
  readonly via: string | undefined
  readonly pool: SessionPool
  readonly clock: Clock
  /** Streams of all connections. */
  streams: number
  stopping: boolean
  left(connection: Client): void
}
