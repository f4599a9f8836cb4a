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

/** What a reflector works with. */
export interface ReflectorOptions {
  readonly api: Api
  readonly resource: Resource
  readonly limits: KubernetesLimits
  readonly logger: Logger
  readonly onEvent: (event: ObjectEvent) => void
  /** All that is there has been told, and what is gone has been told as DELETED. */
  readonly onListed: () => void
}

/** What is remembered of an object: enough to tell that it is gone, or that nothing is new. */
interface Known {
  readonly namespace: string | undefined
  readonly resourceVersion: string
}

/**
 * Keeps telling what happens to the objects of one kind: lists them, watches from there, and starts again
 * where it left off, or from a new list, whatever the API server does. Every object's state is told once;
 * what came or went while nobody listened is found by the next list or watch.
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

  /** Runs until the signal is aborted; never rejects, and tells nothing after that. */
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
        // What was missed is asked for at once; a version that is too old as soon as it is listed is not.
        if (resumes && isExpired(error)) continue
      }
      const lived = performance.now() - startMs >= this.#options.limits.watchHealthyMs
      if (lived) this.#backoff.reset()
      // A watch that ends at once, in good order or not, must not be asked for in a tight loop.
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

  /** Says once what is wrong, decides whether to list anew, and how long the API server wants to be spared. */
  #failed(error: unknown): number {
    const expired = isExpired(error)
    if (error instanceof WatchBroken) this.#faults++
    // A watch that breaks again and again at one place may hold what we cannot read, and a request that is
    // wrong today (400, 404) is wrong with the same version tomorrow.
    const stuck = this.#faults >= this.#options.limits.watchFaultsBeforeList
    const wrong = error instanceof ApiError && !error.retryable
    if (expired || stuck || wrong) {
      this.#resourceVersion = undefined
      this.#faults = 0
    }
    if (expired) this.#logger.debug('the version has expired, listing anew')
    else this.#complain(error as Error)
    return error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
  }

  // One outage has many faces, from a reset to a 429: it is named once, and what asks for an act by itself.
  #complain(error: Error): void {
    const remedy = remedyOf(error)
    const complaint = remedy ?? 'trying again'
    const said = this.#complaint === complaint || (this.#complaint !== undefined && remedy === undefined)
    this.#logger[said ? 'debug' : 'warn']({ err: error, remedy }, 'cannot see what is there, trying again')
    if (!said) this.#complaint = complaint
  }

  #recovered(): void {
    if (this.#complaint === undefined) return
    this.#complaint = undefined
    this.#logger.info('sees again what is there')
  }
}

const idOf = ({ metadata }: ApiObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

function remedyOf(error: Error): string | undefined {
  if (!(error instanceof ApiError)) return undefined
  if (error.status === 404) return 'install the CustomResourceDefinitions of Branchline'
  if (error.status === 403) return 'give the ServiceAccount of the manager the role of the platform'
  if (error.status === 401) return 'check the token of the manager and the clock of its node'
  return undefined
}
