import type { Logger } from './log.ts'

/** Shortest time between two lines. */
const INTERVAL_MS = 1_000

/**
 * Logs a warning that peers can cause without limit: at most one line per interval, which says how many lines
 * before it were left out.
 */
export class RareLog {
  readonly #logger: Pick<Logger, 'warn'>
  readonly #message: string
  readonly #intervalMs: number
  readonly #now: () => number
  #loggedAtMs = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(
    logger: Pick<Logger, 'warn'>,
    message: string,
    intervalMs = INTERVAL_MS,
    now: () => number = () => performance.now(),
  ) {
    this.#logger = logger
    this.#message = message
    this.#intervalMs = intervalMs
    this.#now = now
  }

  add(fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.#now()
    if (nowMs - this.#loggedAtMs < this.#intervalMs) {
      this.#unlogged++
      return
    }
    this.#loggedAtMs = nowMs
    this.#logger.warn({ ...fields, unlogged: this.#unlogged }, this.#message)
    this.#unlogged = 0
  }
}
