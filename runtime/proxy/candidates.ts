import type { Candidate } from './decision.ts'

/**
 * The index of the next candidate behind `after` that a request may go to, or -1 where there is none. Once it may
 * have reached one candidate, only that one's version may see it again: another version's answer would look like
 * this one's.
 */
export function nextCandidate(
  candidates: readonly Candidate[],
  after: number,
  reached: Candidate | undefined,
): number {
  for (let index = after + 1; index < candidates.length; index++) {
    if (reached === undefined || candidates[index]?.version === reached.version) return index
  }
  return -1
}
