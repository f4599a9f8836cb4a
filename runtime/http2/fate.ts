import type { HttpError } from '../proxy/errors.ts'
import { closedEarly } from '../proxy/failures.ts'
import { CODE, StreamReset } from './errors.ts'

/** What is known of an upstream's connection that a stream of it ended on. */
export interface EndedOn {
  readonly dead: boolean
  readonly lastStreamId: number
}

export type Fate = 'unprocessed' | 'unknown' | 'reset'

/**
 * What the end of a stream without a response says of its request: `unprocessed` is promised by RFC 9113, 8.7;
 * `unknown` is a lost connection, or one that refuses all streams for a while (Node's servers do so where the
 * buffers of a connection are full), and then it may have been processed; `reset` is the upstream's answer.
 */
export function fateOf(rstCode: number, streamId: number, { dead, lastStreamId }: EndedOn): Fate {
  if (rstCode === CODE.refusedStream || streamId > lastStreamId) return 'unprocessed'
  return dead || rstCode === CODE.enhanceYourCalm ? 'unknown' : 'reset'
}

/** What the client is told of it: the code, where there is one of the upstream's own. */
export function failureOf(fate: Fate, rstCode: number, { dead }: EndedOn): HttpError {
  const answered = fate === 'reset' || (fate === 'unknown' && !dead)
  return answered ? new StreamReset(rstCode) : closedEarly(undefined)
}
