import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { objectId, type SourceEvent } from './source.ts'

/**
 * Turns a stream that restarts with all existing objects into one continuous stream. Objects that were known before
 * and are not reported again by SYNCED are reported as DELETED then.
 */
export class Relister {
  readonly #handler: (event: SourceEvent) => void
  #known = new Map<string, KubernetesObject>()
  #unseen: Map<string, KubernetesObject> | undefined

  constructor(handler: (event: SourceEvent) => void) {
    this.#handler = handler
  }

  /** Marks the next event as the beginning of a new list. */
  restart(): void {
    this.#unseen = new Map(this.#known)
  }

  take(event: SourceEvent): void {
    if (event.type === 'SYNCED') {
      for (const object of this.#unseen?.values() ?? []) this.take({ type: 'DELETED', object })
      this.#unseen = undefined
      this.#handler(event)
      return
    }
    const id = objectId(event.object)
    if (event.type === 'DELETED') this.#known.delete(id)
    else this.#known.set(id, event.object)
    this.#unseen?.delete(id)
    this.#handler(event)
  }
}
