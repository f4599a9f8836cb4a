import { setTimeout as delay } from 'node:timers/promises'
import { keepEvidence } from './evidence.ts'

const POLL_MS = 20

/**
 * Asks again until an attempt does not throw, and gives what it returned and how long it took. After the
 * timeout throws, with the last attempt's error as cause.
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
