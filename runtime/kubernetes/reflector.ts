import { setTimeout as wait } from 'node:timers/promises'
import type { KubernetesObject, ObjectEvent } from '@branchline/wire/kubernetes'
import { Backoff } from '../process/backoff.ts'
import type { Logger } from '../process/log.ts'
import type { Api } from './api.ts'
import { ApiError, isExpired } from './api-error.ts'
import type { Resource } from './resource.ts'
import type { KubernetesLimits } from './limits.ts'
import { listAll } from './list.ts'
import { type ApiObject, trim } from './object.ts'
import { WatchBroken, watchOnce, type WatchEvent } from './watch.ts'

/** The dependencies of a reflector. */
export interface ReflectorOptions {
  readonly api: Api
  readonly resource: Resource
  readonly limits: KubernetesLimits
  readonly logger: Logger
  readonly onEvent: (event: ObjectEvent) => void
  /** Called when every existing object has been reported, and every vanished one has been reported as DELETED. */
  readonly onListed: () => void
}

/** What the reflector remembers of an object: enough to see that it is gone or unchanged. */
interface Known {
  readonly namespace: string | undefined
  readonly resourceVersion: string
}

/**
 * Reports every change of the objects of one kind. It lists them, watches from there, and after any failure
 * continues where it stopped or from a new list. It reports every state of an object once. The next list or
 * watch finds what changed while it was not connected.
 */
export class Reflector {
  readonly #options: ReflectorOptions
  readonly #logger: Logger
  readonly #backoff: Backoff
  /** By `namespace/name`. */
  readonly #known = new Map<string, Known>()
  #resourceVersion: string | undefined
  /** Watches that broke in a row without an event. */
  #faults = 0
  #complaint: string | undefined

  constructor(options: ReflectorOptions) {
    const { limits, resource, logger } = options
    this.#options = options
    this.#logger = logger.child({ kind: resource.kind })
    this.#backoff = new Backoff({ firstMs: limits.retryFirstMs, maxMs: limits.retryMaxMs })
  }

  /** Runs until the signal is aborted, and reports nothing after that. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startMs = performance.now()
      let retryAfterMs = 0
      let fault = true
      const resumes = this.#resourceVersion !== undefined
      try {
        this.#resourceVersion ??= await this.#list(signal)
        await this.#watch(this.#resourceVersion, signal)
        fault = false
      } catch (error) {
        if (signal.aborted) return
        retryAfterMs = this.#failed(error)
        // After a missed version, list at once. A version that is too old as soon as it is listed has to wait.
        if (resumes && isExpired(error)) continue
      }
      const lived = performance.now() - startMs >= this.#options.limits.watchHealthyMs
      if (lived) this.#backoff.reset()
      // A watch that ends at once, normally or not, must not cause a tight loop.
      if (lived && !fault) continue
      const waitMs = Math.max(this.#backoff.nextMs(), Math.min(retryAfterMs, this.#options.limits.retryMaxMs))
      await wait(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { api, resource, limits, onListed } = this.#options
    const gone = new Map(this.#known)
    const version = await listAll(api, resource, limits, signal, (object) => {
      if (signal.aborted) return
      gone.delete(idOf(object))
      this.#put(object)
    })
    signal.throwIfAborted()
    for (const [id, known] of gone) this.#remove(id, known.namespace)
    this.#logger.debug({ objects: this.#known.size, gone: gone.size, version }, 'listed')
    this.#recovered()
    onListed()
    return version
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { api, resource, limits } = this.#options
    await watchOnce(api, resource, resourceVersion, limits, signal, (event) => this.#take(event))
  }

  #take(event: WatchEvent): void {
    this.#faults = 0
    this.#recovered()
    if (event.type === 'BOOKMARK') {
      this.#resourceVersion = event.resourceVersion
      return
    }
    const { object } = event
    if (event.type === 'DELETED') this.#remove(idOf(object), object.metadata.namespace)
    else this.#put(object)
    this.#resourceVersion = object.metadata.resourceVersion
  }

  #put(object: ApiObject): void {
    const { namespace, resourceVersion } = object.metadata
    const { resource, onEvent } = this.#options
    const id = idOf(object)
    const known = this.#known.get(id)
    if (known?.resourceVersion === resourceVersion) return
    this.#known.set(id, { namespace, resourceVersion })
    const type = known === undefined ? 'ADDED' : 'MODIFIED'
    onEvent({ type, object: trim(resource, object) })
  }

  #remove(id: string, namespace: string | undefined): void {
    if (!this.#known.delete(id)) return
    const { resource, onEvent } = this.#options
    const name = id.slice(id.indexOf('/') + 1)
    const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
    const object: KubernetesObject = { apiVersion: resource.apiVersion, kind: resource.kind, metadata }
    onEvent({ type: 'DELETED', object })
  }

  /** Logs a failure once, decides whether to list again, and returns how long the API server asks to wait, in ms. */
  #failed(error: unknown): number {
    const expired = isExpired(error)
    if (error instanceof WatchBroken) this.#faults++
    // A watch that breaks repeatedly at one place may contain something that we cannot read. A request that is
    // wrong (400, 404) stays wrong with the same version.
    const stuck = this.#faults >= this.#options.limits.watchFaultsBeforeList
    const wrong = error instanceof ApiError && !error.retryable
    if (expired || stuck || wrong) {
      this.#resourceVersion = undefined
      this.#faults = 0
    }
    if (expired) this.#logger.debug('the resource version has expired, listing again')
    else this.#complain(error as Error)
    return error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
  }

  // One outage shows many errors, from a reset to a 429. Log it once, and each error with its own remedy once.
  #complain(error: Error): void {
    const remedy = remedyOf(error)
    const complaint = remedy ?? 'trying again'
    const logged = this.#complaint === complaint || (this.#complaint !== undefined && remedy === undefined)
    this.#logger[logged ? 'debug' : 'warn']({ err: error, remedy }, 'cannot list or watch, trying again')
    if (!logged) this.#complaint = complaint
  }

  #recovered(): void {
    if (this.#complaint === undefined) return
    this.#complaint = undefined
    this.#logger.info('lists and watches again')
  }
}

const idOf = ({ metadata }: ApiObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

function remedyOf(error: Error): string | undefined {
  if (!(error instanceof ApiError)) return undefined
  if (error.status === 404) return 'install the CustomResourceDefinitions of Branchline'
  if (error.status === 403) return 'bind the platform’s role to the ServiceAccount of the manager'
  if (error.status === 401) return 'check the token of the manager and the clock of its node'
  return undefined
}
