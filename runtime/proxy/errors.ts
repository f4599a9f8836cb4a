/** Stable codes of what can go wrong in an exchange; branch on these. */
export type HttpErrorCode =
  /** The request is not HTTP, or ambiguous (RFC 9112): 400, 501, 505. */
  | 'BL_HTTP_BAD_REQUEST'
  /** The request's head, its target, its trailers or its chunk extensions are over a limit: 431, 414, 400. */
  | 'BL_HTTP_HEAD_TOO_LARGE'
  /** The client sent its head or its body too slowly: 408. */
  | 'BL_HTTP_REQUEST_TIMEOUT'
  /** The client left before its answer was complete. */
  | 'BL_HTTP_CLIENT_GONE'
  /** Too many connections, or no memory left for the request (Limits.keptTotalBytes): 503. */
  | 'BL_HTTP_OVERLOADED'
  /** The route function threw: 500. */
  | 'BL_HTTP_ROUTE_FAILED'
  /** No candidate could be reached: 502, or 504 where the last one took too long. */
  | 'BL_HTTP_UPSTREAM_UNREACHABLE'
  /** The upstream broke off before its answer's head: 502; in the body: the response is cut. */
  | 'BL_HTTP_UPSTREAM_CLOSED'
  /** The upstream's answer is not HTTP, or ambiguous: 502. */
  | 'BL_HTTP_BAD_RESPONSE'
  /** The head of the upstream's answer, or its trailers, are over a limit: 502; in the trailers: the response is cut. */
  | 'BL_HTTP_RESPONSE_TOO_LARGE'
  /** The upstream took too long: 504. */
  | 'BL_HTTP_UPSTREAM_TIMEOUT'
  /** The engine was stopped, and its time to drain ran out. */
  | 'BL_HTTP_STOPPED'

/** A failed exchange: the status that says it to the client, a stable code, and a sentence. */
export class HttpError extends Error {
  readonly code: HttpErrorCode
  readonly status: number
  constructor(code: HttpErrorCode, status: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'HttpError'
    this.code = code
    this.status = status
  }
}

/** The request is refused and the connection closed. */
export const badRequest = (message: string, status = 400): HttpError =>
  new HttpError('BL_HTTP_BAD_REQUEST', status, message)

/** The request is refused, since a part of it is over a limit, and the connection closed. */
export const tooLarge = (message: string, status = 431): HttpError =>
  new HttpError('BL_HTTP_HEAD_TOO_LARGE', status, message)

/** Whatever was thrown on a request's way; what is not an {@link HttpError} is a fault of the route's answer. */
export const asHttpError = (error: unknown): HttpError =>
  error instanceof HttpError
    ? error
    : new HttpError('BL_HTTP_ROUTE_FAILED', 500, 'the request could not be routed', error)
