import { setTimeout as delay } from 'node:timers/promises'
import { Backoff, type BackoffLimits } from '../../process/backoff.ts'
import type { Logger } from '../../process/log.ts'
import { KubernetesError } from '../../kubernetes/errors.ts'
import type { Removal } from '../sources/source.ts'

export interface RemoverOptions {
  readonly remove: (removal: Removal) => Promise<void>
  /** The removal of an environment (id) in its current state. Undefined if it must stay after all. */
  readonly removalOf: (id: string) => Removal | undefined
  readonly logger: Logger
  /** Default: 1 s to 60 s. */
  readonly backoff?: BackoffLimits
}

/** Deletes expired environments one after the other, with a backoff, each in its last known state. */
export class Remover {
  readonly #options: RemoverOptions
  readonly #wanted = new Set<string>()
  readonly #stopping = new AbortController()
  #removing: Promise<void> | undefined

  constructor(options: RemoverOptions) {
    this.#options = options
  }

  /** Queues an environment for deletion. */
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
    const { removalOf, remove, logger, backoff: limits = { firstMs: 1_000, maxMs: 60_000 } } = this.#options
    const { signal } = this.#stopping
    const backoff = new Backoff(limits)
    for (let [id] = this.#wanted; id !== undefined; [id] = this.#wanted) {
      this.#wanted.delete(id)
      const removal = removalOf(id)
      if (removal === undefined) continue
      try {
        await remove(removal)
        backoff.reset()
        logger.info({ namespace: removal.namespace, name: removal.name }, 'deleted an expired environment')
      } catch (error) {
        const retry = !(error instanceof KubernetesError) || error.retryable
        logger.warn({ err: error, environment: id, retry }, 'could not delete an expired environment')
        if (retry && !signal.aborted) this.#wanted.add(id)
        if (retry) await delay(backoff.nextMs(), undefined, { signal }).catch(() => undefined)
      }
    }
  }
}
