import { ProblemError, refusal } from '@branchline/wire/circuits/problem'
import { StoreError } from '../store/errors.ts'
import { violatedConstraint } from '../store/failure.ts'
import type { Store } from '../store/store.ts'

/** A refusal for a client that has to wait. */
export class WaitError extends ProblemError {
  readonly waitSeconds: number

  constructor(waitSeconds: number) {
    super(
      refusal('too-many-failures', { remedy: `Wait ${waitSeconds} s, and send a valid credential.` }).problem,
    )
    this.name = 'WaitError'
    this.waitSeconds = waitSeconds
  }
}

/** Turns an error of an operation into a refusal. What a client cannot do anything about is not told. */
export function asProblem(error: unknown, store: Pick<Store, 'state'>): ProblemError {
  if (error instanceof ProblemError) return error
  // While the database is down, other errors follow from that, such as those of a half-closed connection.
  if ((error instanceof StoreError && error.retryable) || store.state === 'down') {
    return refusal('unavailable', {
      detail: 'The database does not respond. Traffic goes on; changes work again when it returns.',
      remedy: 'Send the request again later.',
    })
  }
  // Another coordinator was faster. What it has made is found by the next attempt.
  if (violatedConstraint(error) !== undefined) {
    return refusal('already-exists', { detail: 'Another request has made the same at the same time.' })
  }
  return refusal('internal', { remedy: 'The log of the relay has the reason, with the id of this request.' })
}
