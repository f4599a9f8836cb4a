import type { Candidate } from '../http/index.ts'
import { CODE } from './errors.ts'

/**
 * Which candidate is tried after the one at `after`: the next one, or, once a request may have been processed by
 * the one at `processedBy`, the next one of the same version. -1 for none of either.
 */
export function nextCandidate(candidates: readonly Candidate[], after: number, processedBy: number): number {
  for (let index = after + 1; index < candidates.length; index++) {
    if (processedBy === -1 || candidates[index]?.version === candidates[processedBy]?.version) return index
  }
  return -1
}

/** What is known of an upstream's connection that a stream of it ended on. */
export interface EndedOn {
  readonly dead: boolean
  readonly lastStreamId: number
}

/**
 * What the end of a stream without a response says of its request: `unprocessed` is promised by RFC 9113, 8.7;
 * `unknown` is a lost connection, or one that refuses all streams for a while (Node's servers do so where the
 * buffers of a connection are full), and then it may have been processed; `reset` is the upstream's answer.
 */
export function fateOf(
  rstCode: number,
  streamId: number,
  { dead, lastStreamId }: EndedOn,
): 'unprocessed' | 'unknown' | 'reset' {
  if (rstCode === CODE.refusedStream || streamId > lastStreamId) return 'unprocessed'
  return dead || rstCode === CODE.enhanceYourCalm ? 'unknown' : 'reset'
}
