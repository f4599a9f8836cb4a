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
/** Makes a status from the current conditions. Undefined if there is nothing to write (any more). */
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
  /** How long changes of one status are collected. Default: 100 ms. */
  readonly gatherMs?: number
  /** The time between two statuses in which only counts differ. Default: 20 ms, or 50 a second. */
  readonly countsEveryMs?: number
  /** Default: 200 ms to 30 s. */
  readonly backoff?: BackoffLimits
}

/** Fields with counts, which change with every epoch. A change of the baseline changes them in every branch. */
const COUNTS = ['sidecars', 'routes'] as const

/**
 * Writes statuses that differ from the current ones: one after the other, only the newest of each object, with a
 * backoff. Routes never wait for it. Statuses in which only counts differ come last and at a limited rate, to spare
 * the cluster's API.
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

  /** Records the status of an object from an event. Undefined if the object is gone. */
  observe({ kind, metadata }: KubernetesObject, status: unknown): void {
    const id = statusId(kind, metadata.namespace ?? '', metadata.name)
    if (typeof status === 'object' && status !== null) this.#current.set(id, status as Status)
    else this.#current.delete(id)
  }

  /** Queues a status to be written. `make` is called just before the write. */
  request(kind: Kind, namespace: string, name: string, make: MakeStatus): void {
    if (this.#stopping.signal.aborted) return
    this.#dirty.set(statusId(kind, namespace, name), { kind, namespace, name, make })
    this.#begin()
  }

  /** Stops writing. Resolves once the current write has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#dirty.clear()
    this.#counting.clear()
    await this.#writing
  }

  #begin(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
      // Requests that arrived after the last check.
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
        this.#options.logger.warn({ err: error, ...object, retry }, 'could not write a status')
        // A request that arrived meanwhile is newer.
        if (retry && !this.#dirty.has(id) && !signal.aborted) this.#dirty.set(id, request)
        if (retry) await wait(backoff.nextMs())
      }
    }
  }

  /** The next request, and whether it waited because only counts differ. */
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
