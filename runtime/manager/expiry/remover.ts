import { setTimeout as delay } from 'node:timers/promises'
import { Backoff, type BackoffLimits } from '../../process/backoff.ts'
import type { Logger } from '../../process/log.ts'
import { KubernetesError } from '../../kubernetes/errors.ts'
import type { Removal } from '../sources/source.ts'

export interface RemoverOptions {
  readonly remove: (removal: Removal) => Promise<void>
  /** What to remove of an environment (id) as it is now; undefined where it is to stay, after all. */
  readonly ask: (id: string) => Removal | undefined
  readonly logger: Logger
  /** Default: 1 s to 60 s. */
  readonly backoff?: BackoffLimits
}

/** Removes expired environments, one after the other, with a backoff, each as it was last seen. */
export class Remover {
  readonly #options: RemoverOptions
  readonly #wanted = new Set<string>()
  readonly #stopping = new AbortController()
  #removing: Promise<void> | undefined

  constructor(options: RemoverOptions) {
    this.#options = options
  }

  /** Has an environment removed soon. */
  request(id: string): void {
    if (this.#stopping.signal.aborted) return
    this.#wanted.add(id)
    this.#removing ??= this.#removeAll().finally(() => (this.#removing = undefined))
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wanted.clear()
    await this.#removing
  }

  async #removeAll(): Promise<void> {
    const { ask, remove, logger, backoff: limits = { firstMs: 1_000, maxMs: 60_000 } } = this.#options
    const { signal } = this.#stopping
    const backoff = new Backoff(limits)
    for (let [id] = this.#wanted; id !== undefined; [id] = this.#wanted) {
      this.#wanted.delete(id)
      const removal = ask(id)
      if (removal === undefined) continue
      try {
        await remove(removal)
        backoff.reset()
        logger.info({ namespace: removal.namespace, name: removal.name }, 'an expired environment is deleted')
      } catch (error) {
        const retry = !(error instanceof KubernetesError) || error.retryable
        logger.warn({ err: error, environment: id, retry }, 'an expired environment could not be deleted')
        if (retry && !signal.aborted) this.#wanted.add(id)
        if (retry) await delay(backoff.nextMs(), undefined, { signal }).catch(() => undefined)
      }
    }
  }
}
