/** Stable codes for failures of an exchange. Branch on these. */
export type HttpErrorCode =
  /** The request is not valid HTTP, or is ambiguous (RFC 9112): 400, 501, 505. */
  | 'BL_HTTP_BAD_REQUEST'
  /** The request's head, target, trailers or chunk extensions exceed a limit: 431, 414, 400. */
  | 'BL_HTTP_HEAD_TOO_LARGE'
  /** The request's body exceeds the limit of the decision: 413. */
  | 'BL_HTTP_BODY_TOO_LARGE'
  /** The client sent its head or its body too slowly: 408. */
  | 'BL_HTTP_REQUEST_TIMEOUT'
  /** The client left before its response was complete. */
  | 'BL_HTTP_CLIENT_GONE'
  /** There are too many connections, or there is no memory left for the request (Limits.keptTotalBytes): 503. */
  | 'BL_HTTP_OVERLOADED'
  /** The route function threw: 500. */
  | 'BL_HTTP_ROUTE_FAILED'
  /** No candidate could be reached: 502, or 504 if the last one took too long. */
  | 'BL_HTTP_UPSTREAM_UNREACHABLE'
  /**
   * The upstream closed the connection before the head of its response: 502. If it closed within the body, the response
   * is cut off.
   */
  | 'BL_HTTP_UPSTREAM_CLOSED'
  /** The upstream did not process the request, and the request could not be sent again: 503. */
  | 'BL_HTTP_UPSTREAM_UNPROCESSED'
  /** The upstream's response is not valid HTTP, or is ambiguous: 502. */
  | 'BL_HTTP_BAD_RESPONSE'
  /**
   * The head or the trailers of the upstream's response exceed a limit: 502. In the trailers, the response is cut off.
   */
  | 'BL_HTTP_RESPONSE_TOO_LARGE'
  /** The upstream took too long: 504. */
  | 'BL_HTTP_UPSTREAM_TIMEOUT'
  /** The engine was stopped, and its drain time ran out. */
  | 'BL_HTTP_STOPPED'

/** A failed exchange: the status for the client, a stable code, and a sentence. */
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

/** An error that refuses the request and closes the connection. */
export const badRequest = (message: string, status = 400): HttpError =>
  new HttpError('BL_HTTP_BAD_REQUEST', status, message)

/** An error that refuses the request because a part of it exceeds a limit, and closes the connection. */
export const tooLarge = (message: string, status = 431): HttpError =>
  new HttpError('BL_HTTP_HEAD_TOO_LARGE', status, message)

/** Returns an error as an {@link HttpError}. Any other error comes from the route function. */
export const asHttpError = (error: unknown): HttpError =>
  error instanceof HttpError
    ? error
    : new HttpError('BL_HTTP_ROUTE_FAILED', 500, 'the request could not be routed', error)
