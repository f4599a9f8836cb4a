import type { Logger } from '../../process/log.ts'

/** Lines at one time; refusals in between are counted in the next line. */
export const REFUSAL_LOG_INTERVAL_MS = 1_000

/**
 * Logs why a connection was ended, or a stream of it refused. A client may cause as many as it likes, so there is one
 * line a second at most, which says how many went before it without one.
 */
export class Refusals {
  readonly #logger: Pick<Logger, 'warn'>
  readonly #now: () => number
  #loggedAt = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(logger: Pick<Logger, 'warn'>, now: () => number = () => performance.now()) {
    this.#logger = logger
    this.#now = now
  }

  add(client: string | undefined, reason: string): void {
    const now = this.#now()
    if (now - this.#loggedAt < REFUSAL_LOG_INTERVAL_MS) {
      this.#unlogged++
      return
    }
    this.#loggedAt = now
    this.#logger.warn({ client, reason, unlogged: this.#unlogged }, 'a client was refused')
    this.#unlogged = 0
  }
}
