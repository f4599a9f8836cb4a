import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { condition, type Condition } from '@branchline/wire/resources/fields'
import { Backoff, type BackoffLimits } from '../../process/backoff.ts'
import type { Logger } from '../../process/log.ts'
import { KubernetesError } from '../../kubernetes/errors.ts'
import type { StatusWrite } from '../sources/source.ts'

type Kind = StatusWrite['kind']
type Status = StatusWrite['status']
/** Makes a status out of the conditions so far; undefined where there is nothing to say (any more). */
type MakeStatus = (before: readonly Condition[]) => Status | undefined

interface Request {
  readonly kind: Kind
  readonly namespace: string
  readonly name: string
  readonly make: MakeStatus
}

export interface StatusWriterOptions {
  readonly write: (write: StatusWrite) => Promise<void>
  readonly logger: Logger
  /** How long changes of one status are gathered. Default: 100 ms. */
  readonly gatherMs?: number
  /** Between two statuses in which nothing but counts differ. Default: 20 ms, so that 50 a second are written. */
  readonly countsEveryMs?: number
  /** Default: 200 ms to 30 s. */
  readonly backoff?: BackoffLimits
}

/** What counts, and changes with every epoch: a change of the baseline is one in every branch's status. */
const COUNTS = ['sidecars', 'routes'] as const

/**
 * Writes statuses where they differ from what is there: one after the other, the newest of each object only,
 * with a backoff, and never in the way of routes. Those in which nothing but counts differ come last, and no
 * faster than the cluster's API should be bothered with them.
 */
export class StatusWriter {
  readonly #options: Required<StatusWriterOptions>
  readonly #dirty = new Map<string, Request>()
  readonly #counting = new Map<string, Request>()
  readonly #current = new Map<string, Status>()
  readonly #stopping = new AbortController()
  #writing: Promise<void> | undefined

  constructor(options: StatusWriterOptions) {
    this.#options = { gatherMs: 100, countsEveryMs: 20, backoff: { firstMs: 200, maxMs: 30_000 }, ...options }
  }

  /** Notes what an object's status is, by an event; undefined where the object is gone. */
  observe({ kind, metadata }: KubernetesObject, status: unknown): void {
    const id = statusId(kind, metadata.namespace ?? '', metadata.name)
    if (typeof status === 'object' && status !== null) this.#current.set(id, status as Status)
    else this.#current.delete(id)
  }

  /** Has a status written soon; `make` is asked for it then. */
  request(kind: Kind, namespace: string, name: string, make: MakeStatus): void {
    if (this.#stopping.signal.aborted) return
    this.#dirty.set(statusId(kind, namespace, name), { kind, namespace, name, make })
    this.#begin()
  }

  /** Writes no more; resolves once the write that runs has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#dirty.clear()
    this.#counting.clear()
    await this.#writing
  }

  #begin(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
      // What was asked for after the last look.
      if (this.#dirty.size > 0) this.#begin()
    })
  }

  async #writeAll(): Promise<void> {
    const { signal } = this.#stopping
    const wait = (ms: number): Promise<unknown> => delay(ms, undefined, { signal }).catch(() => undefined)
    const backoff = new Backoff(this.#options.backoff)
    await wait(this.#options.gatherMs)
    for (let next = this.#takeFirst(); next !== undefined; next = this.#takeFirst()) {
      const { id, request, counts } = next
      const { make, ...object } = request
      const before = this.#current.get(id)
      const status = make(conditionsOf(before))
      if (status === undefined || isDeepStrictEqual(status, before)) continue
      if (!counts && isDeepStrictEqual(withoutCounts(status), withoutCounts(before))) {
        this.#counting.set(id, request)
        continue
      }
      try {
        await this.#options.write({ ...object, status })
        this.#current.set(id, status)
        backoff.reset()
        if (counts) await wait(this.#options.countsEveryMs)
      } catch (error) {
        const retry = !(error instanceof KubernetesError) || error.retryable
        this.#options.logger.warn({ err: error, ...object, retry }, 'a status could not be written')
        // What was asked for meanwhile is newer.
        if (retry && !this.#dirty.has(id) && !signal.aborted) this.#dirty.set(id, request)
        if (retry) await wait(backoff.nextMs())
      }
    }
  }

  /** The next one, and whether it waited since only counts of it differ. */
  #takeFirst(): { id: string; request: Request; counts: boolean } | undefined {
    const counts = this.#dirty.size === 0
    const queue = counts ? this.#counting : this.#dirty
    const first = queue.entries().next().value
    if (first === undefined) return undefined
    queue.delete(first[0])
    return { id: first[0], request: first[1], counts }
  }
}

function withoutCounts(status: Status | undefined): Status | undefined {
  if (status === undefined) return undefined
  const rest = { ...status }
  for (const field of COUNTS) delete rest[field]
  return rest
}

const statusId = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`

function conditionsOf(status: Status | undefined): Condition[] {
  return condition.array().safeParse(status?.['conditions']).data ?? []
}
