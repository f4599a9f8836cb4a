import type { Candidate } from './decision.ts'

/**
 * Returns the index of the next candidate after `after` that the request may go to, or -1 if there is none. Once a
 * request may have reached one candidate, only candidates of the same version may receive it again. A response from
 * another version would look as if it came from the first.
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
