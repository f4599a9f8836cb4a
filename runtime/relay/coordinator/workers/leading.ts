import type { IncomingMessage } from 'node:http'
import { Backoff } from '../../../process/backoff.ts'
import type { UpgradeDecision } from '../../../process/upgrade.ts'
import { pause } from '../../../process/pause.ts'
import { Workers, type WorkersOptions } from './workers.ts'

export type LeadingOptions = Omit<WorkersOptions, 'term'>

/** The connections of workers, while this coordinator leads. Others refuse workers with 503, and they try the next one. */
export class Leading {
  readonly #options: LeadingOptions
  #term: number | undefined
  #workers: Workers | undefined
  #stopping = new AbortController()
  #changing: Promise<void> = Promise.resolve()

  constructor(options: LeadingOptions) {
    this.#options = options
  }

  /** The workers. Undefined while another coordinator leads, or before everything has been read. */
  get workers(): Workers | undefined {
    return this.#workers
  }

  /** Begins to lead in a term, or stops. */
  change(term: number | undefined): void {
    this.#term = term
    this.#stopping.abort()
    const stopping = (this.#stopping = new AbortController())
    this.#changing = this.#changing.then(async () => {
      await this.#end()
      if (term !== undefined) await this.#begin(term, stopping.signal)
    })
  }

  authorize(request: IncomingMessage): UpgradeDecision | Promise<UpgradeDecision> {
    return this.#workers?.authorize(request) ?? { status: 503 }
  }

  async stop(): Promise<void> {
    this.change(undefined)
    await this.#changing
  }

  async #begin(term: number, signal: AbortSignal): Promise<void> {
    const { limits, logger } = this.#options
    const backoff = new Backoff(limits.retry)
    while (!signal.aborted) {
      try {
        const workers = await Workers.start({ ...this.#options, term })
        this.#workers = workers
        if (this.#term !== term) await this.#end()
        return
      } catch (error) {
        logger.warn({ err: error, term }, 'the circuits could not be read, trying again')
        await pause(backoff.nextMs(), signal)
      }
    }
  }

  async #end(): Promise<void> {
    const workers = this.#workers
    this.#workers = undefined
    await workers?.stop()
  }
}
