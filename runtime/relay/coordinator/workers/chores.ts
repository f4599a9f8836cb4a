import type { Logger } from '../../../process/log.ts'
import type { CircuitContext } from '../circuits/context.ts'
import { expireIdle } from '../circuits/expire.ts'
import { deleteOld } from '../store/retention.ts'
import type { WorkersLimits } from './limits.ts'

export interface ChoresOptions {
  readonly context: CircuitContext
  readonly logger: Logger
  readonly limits: Pick<WorkersLimits, 'idleEveryMs' | 'silentMs' | 'cleanEveryMs'>
}

/** What the coordinator that leads does from time to time. */
export class Chores {
  readonly #timers: readonly NodeJS.Timeout[]
  #running: Promise<unknown> = Promise.resolve()

  constructor({ context, logger, limits }: ChoresOptions) {
    const { idleEveryMs, silentMs, cleanEveryMs } = limits
    const countingSinceMs = Date.now()
    const run = (chore: () => Promise<unknown>): void => {
      this.#running = this.#running.then(chore).catch((error: unknown) => {
        logger.warn({ err: error }, 'a chore failed, trying again later')
      })
    }
    this.#timers = [
      setInterval(
        () => run(() => expireIdle(context, { nowMs: Date.now(), countingSinceMs, silentMs })),
        idleEveryMs,
      ),
      setInterval(() => run(() => deleteOld(context.store)), cleanEveryMs),
    ]
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.#running
  }
}
