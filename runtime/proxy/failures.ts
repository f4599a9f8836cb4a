import { HttpError } from './errors.ts'

const because = (error: unknown): string => (error instanceof Error ? error.message : 'closed')

/** The client left, or ended its direction, before its exchange was over. */
export const clientGone = (message: string): HttpError => new HttpError('BL_HTTP_CLIENT_GONE', 400, message)

/** The request's body is larger than its decision permits. */
export const bodyTooLarge = (bodyBytes: number): HttpError =>
  new HttpError('BL_HTTP_BODY_TOO_LARGE', 413, `the body has more than ${bodyBytes} bytes`)

/** The client sent its head or its body too slowly. */
export const requestTimeout = (what: string, waitMs: number): HttpError =>
  new HttpError('BL_HTTP_REQUEST_TIMEOUT', 408, `${what} within ${waitMs} ms`)

/** The client waits for a 100 (Continue) that the upstream did not send. */
export const continueTimeout = (waitMs: number): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_TIMEOUT',
    504,
    `the upstream sent no 100 (Continue) and no response within ${waitMs} ms, and the client waits for one of them (Expect: 100-continue)`,
  )

/** There is no room for the client or for its request. */
export const overloaded = (why: string): HttpError => new HttpError('BL_HTTP_OVERLOADED', 503, why)

/** The engine takes no more requests. */
export const stopping = (): HttpError => new HttpError('BL_HTTP_STOPPED', 503, 'this server is stopping')

/** The engine could not connect to a candidate. */
export const unreachable = (error: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_UNREACHABLE',
    502,
    `the upstream cannot be reached: ${because(error)}`,
    error,
  )

/** Connecting to a candidate took too long. */
export const connectTimeout = (waitMs: number): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_UNREACHABLE',
    504,
    `the upstream did not accept a connection within ${waitMs} ms`,
  )

/** The decision had no candidate. */
export const noCandidate = (): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_UNREACHABLE', 502, 'the request has no destination')

/** The upstream closed the connection before it sent any part of a response. */
export const closedEarly = (cause: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_CLOSED',
    502,
    'the upstream received the request and closed the connection before it responded',
    cause,
  )

/**
 * The upstream did not process the request (RFC 9113, 8.7), and the request could not be sent again: the beginning of
 * its body is no longer kept, or no candidate is left.
 */
export const unprocessed = (): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_UNPROCESSED',
    503,
    'the upstream did not process the request, and the request could not be sent again',
  )

/** The upstream closed the connection within the body of its response. */
export const brokeOff = (cause: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_CLOSED',
    502,
    'the upstream closed the connection in the middle of its response',
    cause,
  )

/** The upstream's response is not HTTP/1.x, is ambiguous, or exceeds a limit. The cause says which. */
export const badResponse = (cause: unknown): HttpError =>
  cause instanceof HttpError && cause.code === 'BL_HTTP_HEAD_TOO_LARGE'
    ? responseTooLarge(cause)
    : new HttpError(
        'BL_HTTP_BAD_RESPONSE',
        502,
        `the upstream's response is not valid HTTP: ${because(cause)}`,
        cause,
      )

/** The upstream's response exceeds the limit that the cause names. */
export const responseTooLarge = (cause: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_RESPONSE_TOO_LARGE',
    502,
    `the upstream's response is too large: ${because(cause)}`,
    cause,
  )

/** The upstream sent nothing for too long. */
export const upstreamTimeout = (waitMs: number): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_TIMEOUT', 504, `the upstream sent nothing for ${waitMs} ms`)
