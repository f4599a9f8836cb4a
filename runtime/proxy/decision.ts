import type { HttpError } from './errors.ts'
import type { Head } from './head.ts'
import type { Upstream } from '../transport/transport.ts'

/**
 * Changes to a head. Names are lower-case. Fields cannot change Host, framing fields or hop-by-hop fields. A name
 * matches every field name that differs from it only in characters that are neither letters nor digits, because
 * CGI-style servers (WSGI, Rack, PHP) read `x_request_id` as `x-request-id`.
 */
export interface HeadEdits {
  /** Fields to remove. */
  readonly remove?: readonly string[]
  /** Prefixes of the names of fields to remove, for example `x-branchline-`. */
  readonly removePrefix?: readonly string[]
  /** Fields that replace all fields of the same name: `[name, value]`. */
  readonly set?: readonly (readonly [name: string, value: string])[]
  /** The target that the upstream sees (RFC 9112, 3.2), in origin form. For requests only. Default: the client's. */
  readonly target?: string
  /** Fields that are added after those of the same name, such as one more Set-Cookie: `[name, value]`. */
  readonly add?: readonly (readonly [name: string, value: string])[]
  /** The authority that the upstream sees (RFC 9110, 7.2). For requests only. Default: the client's. */
  readonly host?: string
}

/** How long to wait for a response, in milliseconds. */
export interface ResponseWaits {
  /** Longest time from the end of the request to the head of the response. */
  readonly upstreamResponseMs: number
  /** Longest time without a byte of the response's body. */
  readonly responseProgressMs: number
}

/** One destination that can serve a request. */
export interface Candidate {
  readonly upstream: Upstream
  /**
   * The HTTP version that the upstream speaks. Only the HTTP/2 engine reads it: it translates its requests for upstreams
   * of HTTP/1.1, if it was given a source of such connections. Default: the version of the client.
   */
  readonly speaks?: 'http1' | 'http2' | undefined
  /**
   * The version of the service, such as the name of an environment. Candidates of one version are interchangeable. Once
   * a request may have reached a candidate, the engine tries only candidates of the same version, and only if the
   * request is safe to repeat. Default: all candidates have the same version.
   */
  readonly version?: string | undefined
  /** How long to wait for its response, instead of the engine's limits of the same names. */
  readonly waits?: ResponseWaits | undefined
  /** Changes to the head of the request. */
  readonly edits?: HeadEdits | undefined
  /** Changes to the head of the response. */
  readonly responseEdits?: HeadEdits | undefined
}

/**
 * The candidates, in order. If the engine cannot reach one, it tries the next. If a candidate closes the connection
 * before it sends any part of a response, the engine sends a request that is safe to repeat (GET, HEAD, OPTIONS or
 * TRACE without a body) once more, to a candidate of the same version.
 */
export interface Forward {
  readonly candidates: readonly Candidate[]
  /** The largest body of the request in bytes, without framing. Beyond it, the request fails with 413. Default: any. */
  readonly bodyBytes?: number | undefined
  /**
   * The engine calls this when no candidate could serve the request and the request may still be sent. It returns
   * another decision, whose candidates follow the same rule, or undefined to let the request fail. It may take up to
   * `upstreamResponseMs`. Until it returns, the engine reads nothing more from the client.
   */
  readonly otherwise?: ((error: HttpError) => Decision | Promise<Decision> | undefined) | undefined
}

/** A response of our own. The engine writes Content-Length, Date and Connection. */
export interface Reply {
  readonly status: number
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** Text is sent as UTF-8. */
  readonly body?: string | Buffer
  /** A stable word for what the reply is about, for metrics. It is not sent. Default: unspecified. */
  readonly reason?: string
}

export type Decision = Forward | Reply

/** The client of a request: one accepted connection. */
export interface Client {
  readonly remoteAddress: string | undefined
  /** The context that the caller passed to {@link HttpEngine.serve} with the connection. */
  readonly context: unknown
}

/**
 * Chooses where a request goes. A promise costs a tick, a plain value does not. If the function throws, the client gets
 * a 500.
 */
export type Route = (head: Head, client: Client) => Decision | Promise<Decision>

/**
 * Returns the response to a request that failed, such as an HTML page. If it returns undefined, the client gets a short
 * plain text.
 */
export type FailureReply = (
  error: HttpError,
  exchange: Pick<ExchangeReport, 'head' | 'client' | 'decision' | 'reached'>,
) => Reply | undefined

/** One request and its response, after both are over. The engine does not keep the object. */
export interface ExchangeReport {
  readonly head: Head
  readonly client: Client
  readonly decision: Decision | undefined
  /** Index of the candidate that served the request, or that was tried last; -1 if none was. */
  readonly candidate: number
  /**
   * The candidate to which the engine sent the request last; undefined if there was none. It may not have received the
   * request.
   */
  readonly reached?: Candidate | undefined
  /** The status that the client got; 0 if it got none. */
  readonly status: number
  /** Size of the bodies in bytes, including their framing. */
  readonly requestBytes: number
  readonly responseBytes: number
  /** Time from the head of the request to the end of the response, in milliseconds. */
  readonly ms: number
  /** True if the exchange became an upgraded connection. The engine reports such an exchange when it sends the 101. */
  readonly upgraded: boolean
  /** Why the exchange failed; undefined if it succeeded. */
  readonly error: HttpError | undefined
}

/**
 * Receives events of the engine. The engine calls it synchronously on the hot path, so a method should count and
 * return.
 */
export interface Observer {
  connectionOpened?(client: Client): void
  connectionClosed?(client: Client): void
  exchangeDone?(exchange: ExchangeReport): void
  /** The engine ended a connection, or refused a stream of it, for this reason (a sentence). */
  refused?(client: Client, reason: string): void
}
