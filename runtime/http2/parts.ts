import type { Clock } from '../proxy/clock.ts'
import type { Candidate, Client, FailureReply, Observer, Route } from '../proxy/decision.ts'
import type { Http2Limits } from './limits.ts'
import type { SessionPool } from './upstream.ts'
import type { StreamSource } from './upstream-stream.ts'

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
  /** For candidates that speak HTTP/1.1; undefined if requests are not translated. */
  readonly http1: StreamSource | undefined
  readonly clock: Clock
  /** Streams of all connections. */
  streams: number
  stopping: boolean
  left(connection: Client): void
}

/** Where the streams to a candidate come from. */
export const sourceOf = ({ pool, http1 }: Http2Parts, { speaks }: Candidate): StreamSource =>
  speaks === 'http1' && http1 !== undefined ? http1 : pool
