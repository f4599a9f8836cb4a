import { setTimeout as delay } from 'node:timers/promises'
import { type KubeConfig, Watch } from '@kubernetes/client-node'
import type { KubernetesObject, ObjectEvent } from '@branchline/wire/kubernetes'
import type { LocalKind } from '@branchline/wire/local-api'
import { collectionPath, KINDS } from './kinds.ts'

/** How long to wait before the next attempt after a failure, in milliseconds. */
const RETRY_MS = 1_000

/** The current objects of a collection, and the version from which to watch it. */
export interface Listed {
  readonly items: readonly KubernetesObject[]
  readonly resourceVersion: string | undefined
}

export interface CollectionWatch {
  readonly config: KubeConfig
  readonly kind: LocalKind
  readonly namespace: string | undefined
  readonly signal: AbortSignal
  readonly list: () => Promise<Listed>
  readonly onEvent: (event: ObjectEvent) => void
  /** Called once, when all existing objects have been reported. */
  readonly onSynced: () => void
}

/**
 * Watches a collection until the signal aborts. The library's watch ends after 30 s of silence, and for good after a
 * reset. So after each end the collection is listed again, and what differs is reported. Rejects only if the first list
 * fails.
 */
export async function watchCollection(options: CollectionWatch): Promise<void> {
  const { signal, list, onEvent, onSynced } = options
  const changes = new Changes(options.kind, onEvent)
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      const { items, resourceVersion } = await list()
      changes.replace(items)
      if (isFirst) onSynced()
      await watchOnce(options, resourceVersion, changes)
    } catch (error) {
      if (isFirst) throw error
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined)
    }
  }
}

/** Resolves at the end of one watch, whatever ended it. */
async function watchOnce(
  { config, kind, namespace, signal }: CollectionWatch,
  resourceVersion: string | undefined,
  changes: Changes,
): Promise<void> {
  const ended = Promise.withResolvers<void>()
  const query = { allowWatchBookmarks: true, resourceVersion }
  const onEvent = (type: string, object: unknown): void => {
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') {
      changes.take({ type, object: object as KubernetesObject })
    } else if (type === 'ERROR') ended.resolve()
  }
  const path = collectionPath(kind, namespace)
  const request = await new Watch(config).watch(path, query, onEvent, () => ended.resolve())
  const stop = (): void => ended.resolve()
  signal.addEventListener('abort', stop, { once: true })
  if (!signal.aborted) await ended.promise
  signal.removeEventListener('abort', stop)
  request.abort()
}

/** Reports each state of an object once, also if it is listed and watched. */
class Changes {
  readonly #kind: LocalKind
  readonly #onEvent: (event: ObjectEvent) => void
  #known = new Map<string, KubernetesObject>()

  constructor(kind: LocalKind, onEvent: (event: ObjectEvent) => void) {
    this.#kind = kind
    this.#onEvent = onEvent
  }

  /** Takes a list: reports what differs. */
  replace(items: readonly KubernetesObject[]): void {
    const gone = new Map(this.#known)
    for (const object of items) {
      gone.delete(idOf(object))
      this.take({ type: 'ADDED', object })
    }
    for (const object of gone.values()) this.take({ type: 'DELETED', object })
  }

  take({ type, object: bare }: ObjectEvent): void {
    const object = { ...bare, apiVersion: KINDS[this.#kind].apiVersion, kind: this.#kind }
    const id = idOf(object)
    const before = this.#known.get(id)
    if (type === 'DELETED') {
      if (this.#known.delete(id)) this.#onEvent({ type, object })
      return
    }
    if (before !== undefined && versionOf(before) === versionOf(object)) return
    this.#known.set(id, object)
    this.#onEvent({ type: before === undefined ? 'ADDED' : 'MODIFIED', object })
  }
}

const idOf = ({ metadata }: KubernetesObject): string => `${metadata.namespace ?? ''}/${metadata.name}`
const versionOf = ({ metadata }: KubernetesObject): unknown =>
  (metadata as { resourceVersion?: unknown }).resourceVersion
