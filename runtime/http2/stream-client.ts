import type { Client } from '../proxy/decision.ts'
import type { HttpError } from '../proxy/errors.ts'

/** What an exchange needs of the client connection that its stream belongs to. */
export interface StreamClient extends Client {
  /** True if the connection is gone, so that its streams end with codes that no client sent. */
  readonly over: boolean
  /** Why a stream ended before its response was complete. */
  readonly departure: HttpError
  /** HEADERS, or DATA of this many bytes, passed in either direction. */
  moved(bytes: number): void
  /** `early`: the client reset it before there was a response. */
  streamOver(early: boolean): void
}
