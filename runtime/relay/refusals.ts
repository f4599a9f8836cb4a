import type { Logger } from '../process/log.ts'

const LOG_EVERY_MS = 1_000

/** Logs refusals of one kind, one line a second at most: anyone can cause as many as they like. */
export class Refusals {
  readonly #logger: Logger
  readonly #message: string
  #loggedAtMs = Number.NEGATIVE_INFINITY
  #unlogged = 0

  constructor(logger: Logger, message: string) {
    this.#logger = logger
    this.#message = message
  }

  add(fields: Readonly<Record<string, unknown>>): void {
    const nowMs = performance.now()
    if (nowMs - this.#loggedAtMs < LOG_EVERY_MS) {
      this.#unlogged++
      return
    }
    this.#loggedAtMs = nowMs
    this.#logger.warn({ ...fields, unlogged: this.#unlogged }, this.#message)
    this.#unlogged = 0
  }
}
