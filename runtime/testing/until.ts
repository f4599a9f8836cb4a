import { setTimeout as wait } from 'node:timers/promises'

/** Longer than anything takes on a busy machine, and shorter than a test may take. */
const TIMEOUT_MS = 45_000
const POLL_MS = 2

/** What {@link until} does not take for an answer. */
type NotYet = undefined | null | false

/**
 * Asks until the answer is neither undefined, null nor false, and resolves with it. Rejects after `timeoutMs`, and
 * says what it waited for: the text given, or the condition's source.
 */
export async function until<T>(
  ask: () => T | Promise<T>,
  what: string | (() => string) = String(ask),
  timeoutMs = TIMEOUT_MS,
): Promise<Exclude<T, NotYet>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== null && answer !== false) return answer as Exclude<T, NotYet>
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`)
    }
    await wait(POLL_MS)
  }
}
