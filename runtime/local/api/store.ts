import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { LocalEvent, LocalStatus } from '@branchline/wire/local-api'
import { idOf, type KubernetesObject } from '../manifests/object.ts'

type Change = Exclude<LocalEvent, { type: 'SYNCED' }>

/**
 * The cluster's objects, like in an API server. Each has uid, generation (which grows when anything but metadata and
 * status changes), creationTimestamp and resourceVersion. Every change is reported in order.
 */
export class Store {
  readonly #objects = new Map<string, KubernetesObject>()
  readonly #listeners = new Set<(change: Change) => void>()
  #version = 0

  /** Creates or replaces an object. An existing status stays, unless the new object has one. */
  apply(object: KubernetesObject): KubernetesObject {
    const id = idOf(object)
    const before = this.#objects.get(id)
    const next = merged(object, before)
    if (before !== undefined && isDeepStrictEqual(withoutVersion(before), withoutVersion(next))) return before
    return this.#put(before === undefined ? 'ADDED' : 'MODIFIED', next)
  }

  /** Removes an object, and reports its last state. */
  delete(id: string): void {
    const before = this.#objects.get(id)
    if (before === undefined) return
    this.#objects.delete(id)
    this.#report({ type: 'DELETED', object: before })
  }

  /** Replaces an object's status. Returns false if there is no such object. */
  setStatus({ kind, namespace, name, status }: LocalStatus): boolean {
    const before = this.#objects.get(`${kind}/${namespace}/${name}`)
    if (before === undefined) return false
    if (!isDeepStrictEqual(before['status'], status)) this.#put('MODIFIED', { ...before, status })
    return true
  }

  get(id: string): KubernetesObject | undefined {
    return this.#objects.get(id)
  }

  /** All objects, optionally of one kind, in the order in which they were created. */
  list(kind?: string): KubernetesObject[] {
    const objects = [...this.#objects.values()]
    return kind === undefined ? objects : objects.filter((object) => object.kind === kind)
  }

  /** Reports every change from now on, until the returned function is called. */
  watch(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #put(type: 'ADDED' | 'MODIFIED', object: KubernetesObject): KubernetesObject {
    const metadata = { ...object.metadata, resourceVersion: String(++this.#version) }
    const stored = { ...object, metadata }
    this.#objects.set(idOf(object), stored)
    this.#report({ type, object: stored })
    return stored
  }

  #report(change: Change): void {
    for (const listener of this.#listeners) listener(change)
  }
}

function merged(object: KubernetesObject, before: KubernetesObject | undefined): KubernetesObject {
  const { uid, generation, creationTimestamp } = before?.metadata ?? {}
  const metadata = {
    ...object.metadata,
    uid: uid ?? randomUUID(),
    generation: generation ?? 1,
    creationTimestamp: creationTimestamp ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
  }
  const status = object['status'] ?? before?.['status']
  const next = { ...object, metadata, ...(status !== undefined && { status }) }
  if (before !== undefined && !isDeepStrictEqual(wanted(before), wanted(next))) metadata.generation++
  return next
}

/** The desired state: everything but metadata and status. */
function wanted({ metadata: _metadata, status: _status, ...rest }: KubernetesObject): object {
  return rest
}

function withoutVersion(object: KubernetesObject): object {
  const { resourceVersion: _version, ...metadata } = object.metadata as Record<string, unknown>
  return { ...object, metadata }
}
