import { HttpError } from './errors.ts'

const because = (error: unknown): string => (error instanceof Error ? error.message : 'closed')

/** The client left, or ended, before its exchange was over. */
export const clientGone = (message: string): HttpError => new HttpError('BL_HTTP_CLIENT_GONE', 400, message)

/** The client was too slow with its head or its body. */
export const requestTimeout = (what: string, waitMs: number): HttpError =>
  new HttpError('BL_HTTP_REQUEST_TIMEOUT', 408, `${what} within ${waitMs} ms`)

/** The client waits for a 100 (Continue), which the upstream owes it. */
export const owes100 = (waitMs: number): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_TIMEOUT',
    504,
    `the upstream sent no 100 (Continue) and no answer within ${waitMs} ms, and the client waits for one of them (Expect: 100-continue)`,
  )

/** There is no room for the client, or for its request. */
export const overloaded = (why: string): HttpError => new HttpError('BL_HTTP_OVERLOADED', 503, why)

/** The engine takes no more requests. */
export const stopping = (): HttpError => new HttpError('BL_HTTP_STOPPED', 503, 'this server is stopping')

/** A candidate could not be connected to. */
export const unreachable = (error: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_UNREACHABLE',
    502,
    `the upstream cannot be reached: ${because(error)}`,
    error,
  )

/** A candidate took too long to be connected to. */
export const connectTimeout = (waitMs: number): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_UNREACHABLE', 504, `the upstream took no connection within ${waitMs} ms`)

/** The decision had no candidate. */
export const nowhere = (): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_UNREACHABLE', 502, 'there is nowhere to send the request')

/** The upstream closed before it answered anything. */
export const closedEarly = (cause: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_CLOSED',
    502,
    'the upstream received the request and closed the connection before it answered',
    cause,
  )

/** The upstream closed in the middle of its answer's body. */
export const brokeOff = (cause: unknown): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_CLOSED', 502, 'the upstream broke off in the middle of its answer', cause)

/** The upstream answered what is not HTTP/1.x, or is ambiguous, or is over a limit; the cause says what it is. */
export const badResponse = (cause: unknown): HttpError =>
  cause instanceof HttpError && cause.code === 'BL_HTTP_HEAD_TOO_LARGE'
    ? responseTooLarge(cause)
    : new HttpError(
        'BL_HTTP_BAD_RESPONSE',
        502,
        `the upstream's answer is not valid HTTP: ${because(cause)}`,
        cause,
      )

/** The upstream's answer is over a limit, which the cause names. */
export const responseTooLarge = (cause: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_RESPONSE_TOO_LARGE',
    502,
    `the upstream's answer is too large: ${because(cause)}`,
    cause,
  )

/** The upstream stood still for too long. */
export const upstreamTimeout = (waitMs: number): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_TIMEOUT', 504, `the upstream sent nothing for ${waitMs} ms`)
