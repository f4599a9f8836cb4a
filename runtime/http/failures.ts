import { HttpError } from './errors.ts'

const because = (error: unknown): string => (error instanceof Error ? error.message : 'closed')

export const clientGone = (message: string): HttpError => new HttpError('BL_HTTP_CLIENT_GONE', 400, message)

export const requestTimeout = (what: string, waitMs: number): HttpError =>
  new HttpError('BL_HTTP_REQUEST_TIMEOUT', 408, `${what} within ${waitMs} ms`)

export const unreachable = (error: unknown): HttpError =>
  new HttpError(
    'BL_HTTP_UPSTREAM_UNREACHABLE',
    502,
    `the upstream cannot be reached: ${because(error)}`,
    error,
  )

export const connectTimeout = (waitMs: number): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_UNREACHABLE', 504, `the upstream took no connection within ${waitMs} ms`)

export const nowhere = (): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_UNREACHABLE', 502, 'there is nowhere to send the request')

export const closedEarly = (cause: unknown): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_CLOSED', 502, 'the upstream closed without an answer', cause)

export const brokeOff = (cause: unknown): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_CLOSED', 502, 'the upstream broke off in the middle of its answer', cause)

export const badResponse = (cause: unknown): HttpError =>
  new HttpError('BL_HTTP_BAD_RESPONSE', 502, `the upstream's answer: ${because(cause)}`)

export const upstreamTimeout = (waitMs: number): HttpError =>
  new HttpError('BL_HTTP_UPSTREAM_TIMEOUT', 504, `the upstream said nothing for ${waitMs} ms`)
