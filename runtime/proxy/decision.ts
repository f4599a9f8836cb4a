import type { HttpError } from './errors.ts'
import type { Head } from './head.ts'
import type { Upstream } from '../transport/transport.ts'

/**
 * Changes of a head. Names are lower-case. Host, framing and hop-by-hop fields cannot be changed. A name means every
 * name that differs from it only in characters that are no letters or digits: servers of the CGI kind (WSGI, Rack,
 * PHP) take `x_request_id` for `x-request-id`.
 */
export interface HeadEdits {
  /** Fields that go. */
  readonly remove?: readonly string[]
  /** Fields that go by how their names begin, e.g. `x-branchline-`. */
  readonly removePrefix?: readonly string[]
  /** Fields that stand in place of all of that name: `[name, value]`. */
  readonly set?: readonly (readonly [name: string, value: string])[]
}

/** How long a response may take, in milliseconds. */
export interface ResponseWaits {
  /** From the end of the request to the response's head. */
  readonly upstreamResponseMs: number
  /** Without one byte of the response's body. */
  readonly responseProgressMs: number
}

/** One way to serve a request. */
export interface Candidate {
  readonly upstream: Upstream
  /**
   * Which version of the service this is, such as an environment's name. Candidates of one version are
   * interchangeable. Once a request may have reached a candidate, only candidates of the same version are tried,
   * and only where the request is safe to repeat. Default: all candidates are of one version.
   */
  readonly version?: string | undefined
  /** How long its response may take, in place of the engine's limits of the same names. */
  readonly waits?: ResponseWaits | undefined
  /** Changes of the request's head. */
  readonly edits?: HeadEdits
  /** Changes of the response's head. */
  readonly responseEdits?: HeadEdits
}

/**
 * The candidates in order. The next one is tried where one cannot be reached. Where one breaks off before it has
 * answered anything, a request that is safe to repeat (GET, HEAD, OPTIONS, TRACE, without a body) is sent once
 * more, to a candidate of the same version.
 */
export interface Forward {
  readonly candidates: readonly Candidate[]
  /**
   * Asked where no candidate could serve the request, and it may still be sent: another decision, whose candidates
   * are held to the same rule, or undefined to let it fail. It may take its time, up to `upstreamResponseMs`;
   * meanwhile the client is read no further.
   */
  readonly otherwise?: ((error: HttpError) => Decision | Promise<Decision> | undefined) | undefined
}

/** An answer of our own. Content-Length, Date and Connection are the engine's to write. */
export interface Reply {
  readonly status: number
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** Text is sent as UTF-8. */
  readonly body?: string | Buffer
}

export type Decision = Forward | Reply

/** Who asks: one accepted connection. */
export interface Client {
  readonly remoteAddress: string | undefined
  /** What the caller of {@link HttpEngine.serve} gave with the connection. */
  readonly context: unknown
}

/** Chooses where a request goes. A promise costs a tick; a plain value costs nothing. A throw is a 500. */
export type Route = (head: Head, client: Client) => Decision | Promise<Decision>

/** The answer to a request that failed, e.g. a page for people; undefined leaves a short plain text. */
export type FailureReply = (
  error: HttpError,
  exchange: Pick<ExchangeReport, 'head' | 'client' | 'decision' | 'reached'>,
) => Reply | undefined

/** One request and its answer, once it is over. The object is not kept by the engine. */
export interface ExchangeReport {
  readonly head: Head
  readonly client: Client
  readonly decision: Decision | undefined
  /** The index of the candidate that served, or was tried last; -1 where none was. */
  readonly candidate: number
  /** The candidate that was sent the request last; undefined where none was. It may not have received it. */
  readonly reached?: Candidate | undefined
  /** The status that the client was sent; 0 where it got none. */
  readonly status: number
  /** Octets of the bodies as they were framed. */
  readonly requestBytes: number
  readonly responseBytes: number
  /** From the request's head to the end of the response, in milliseconds. */
  readonly ms: number
  /** True where the exchange became an upgraded connection: reported when the upgrade is answered. */
  readonly upgraded: boolean
  /** Why it did not end well. */
  readonly error: HttpError | undefined
}

/** What may be watched. Called synchronously on the hot path: count, and return. */
export interface Observer {
  connectionOpened?(client: Client): void
  connectionClosed?(client: Client): void
  exchangeDone?(exchange: ExchangeReport): void
  /** A connection was ended, or a stream of it refused, for the reason that this sentence gives. */
  refused?(client: Client, reason: string): void
}
