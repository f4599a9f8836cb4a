import type { HttpError } from '../proxy/errors.ts'
import { badResponse, closedEarly, responseTooLarge, unprocessed } from '../proxy/failures.ts'
import { CODE, StreamReset } from './errors.ts'
import { type FieldList, isTooLarge } from './head.ts'
import { type Http2Limits, responseHeadBytes } from './limits.ts'

/** What is known of the upstream connection on which a stream ended. */
interface EndedOn {
  readonly dead: boolean
  readonly lastStreamId: number
}

type Outcome = 'unprocessed' | 'unknown' | 'reset'

/**
 * What the end of a stream without a response says about its request. `unprocessed`: RFC 9113, 8.7 guarantees it.
 * `unknown`: the connection was lost, or refuses all streams for a while (Node's servers do so when the buffers of a
 * connection are full), so the request may have been processed. `reset`: the upstream responded with a reset.
 */
export function outcomeOf(rstCode: number, streamId: number, { dead, lastStreamId }: EndedOn): Outcome {
  if (rstCode === CODE.refusedStream || streamId > lastStreamId) return 'unprocessed'
  return dead || rstCode === CODE.enhanceYourCalm ? 'unknown' : 'reset'
}

/** Returns the error for the client: the upstream's own code, if there is one. */
export function failureOf(outcome: Outcome, rstCode: number, { dead }: EndedOn): HttpError {
  if (outcome === 'unprocessed') return unprocessed()
  const fromUpstream = outcome === 'reset' || !dead
  return fromUpstream ? new StreamReset(rstCode) : closedEarly(undefined)
}

/** Throws a 502 for a response's head above the limit. */
export function checkResponseHead(list: FieldList, limits: Http2Limits): void {
  const most = responseHeadBytes(limits)
  if (isTooLarge(list, most))
    throw responseTooLarge(new Error(`its head has more than responseHeadBytes (${most} bytes)`))
}

/** The error for a response with too many interim heads. */
export const tooManyHeads = (most: number): HttpError =>
  badResponse(new Error(`it has more than interimResponses (${most}) 1xx heads`))
