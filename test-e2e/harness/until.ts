import { setTimeout as delay } from 'node:timers/promises'
import { keepEvidence } from './evidence.ts'

const POLL_MS = 20

/**
 * Repeats an attempt until it does not throw. Resolves with its result and the milliseconds that it took. After the
 * timeout it throws an error whose cause is that of the last attempt.
 */
export async function until<T>(
  what: string,
  attempt: () => T | Promise<T>,
  timeoutMs: number,
): Promise<{ value: T; ms: number }> {
  const startedAt = performance.now()
  for (;;) {
    try {
      const value = await attempt()
      return { value, ms: Math.round(performance.now() - startedAt) }
    } catch (error) {
      if (performance.now() - startedAt < timeoutMs) {
        await delay(POLL_MS)
        continue
      }
      await keepEvidence()
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`${what}: not within ${timeoutMs} ms; last: ${reason}`, { cause: error })
    }
  }
}
