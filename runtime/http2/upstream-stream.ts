import type { OutgoingHttpHeaders } from 'node:http2'
import type { HeadEdits } from '../proxy/decision.ts'
import type { HttpError } from '../proxy/errors.ts'
import type { Upstream } from '../transport/transport.ts'
import type { StreamHead } from './head.ts'

/**
 * What an exchange uses of a stream to an upstream: a ClientHttp2Stream, or a stream that speaks another version and
 * has the same events (`response`, `headers`, `data`, `trailers`, `end`, `close`, `drain`, `wantTrailers`).
 */
export interface UpstreamStream {
  readonly id?: number | undefined
  readonly closed: boolean
  readonly rstCode: number
  // oxlint-disable-next-line typescript/no-explicit-any -- as Node types the events of a stream
  on(event: string, listener: (...values: any[]) => void): unknown
  /** Returns false if the writer should wait for `drain`. */
  write(chunk: Buffer): boolean
  end(): unknown
  pause(): unknown
  resume(): unknown
  close(code?: number): void
  sendTrailers(fields: OutgoingHttpHeaders): void
}

/** What an exchange uses of the connection that carries its stream. */
export interface UpstreamLink {
  /** True once the connection and its streams are gone. */
  readonly dead: boolean
  /** The last stream that the upstream looked at, according to its GOAWAY (RFC 9113, 6.8). */
  readonly lastStreamId: number
  /** True once it has carried a response, so that a loss may be that of a kept connection. */
  readonly used: boolean
  /** Why it ended its stream, if that was its own decision, such as an invalid response. */
  readonly fault?: HttpError | undefined
  /** Starts the stream that was taken. If it cannot, it returns the stream and throws. */
  request(
    head: StreamHead,
    edits: HeadEdits | undefined,
    endStream: boolean,
    via: string | undefined,
  ): UpstreamStream
  release(): void
  /** Takes no more streams. Running ones continue. */
  retire(): void
  /** Like {@link retire}, if the upstream has room for the connection that replaces this one. */
  replace(): void
  /** We reset one of its streams. */
  countReset(): void
}

/** Waits for a stream to an upstream. */
export interface SessionWaiter {
  readonly head: StreamHead
  /** True if the request was sent before, so that it must not go over a connection that may be stale. */
  readonly repeats: boolean
  /** The waiter owns one stream of this connection, and returns it with `release`. */
  sessionReady(link: UpstreamLink): void
  sessionFailed(error: HttpError): void
}

/** Where an exchange gets its streams from. */
export interface StreamSource {
  /**
   * Calls the waiter once, at once or later: with a connection of which it owns a stream, or with the reason why there
   * is none.
   */
  acquire(upstream: Upstream, waiter: SessionWaiter): void
}
