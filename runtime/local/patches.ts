import { isDeepStrictEqual } from 'node:util'
import type { LocalPatch } from '@branchline/wire/local-api'
import { idOf, type KubernetesObject } from './manifests/object.ts'

interface Kept {
  readonly patch: LocalPatch['patch']
  /** The object to which the patch was made. Another one, from a changed manifest, is not patched. */
  readonly of: KubernetesObject
}

/**
 * Changes of objects whose manifests are files: made by a command, in effect until the manifest changes. Later patches
 * of an object add to earlier ones. A patch of null hides the object.
 */
export class Patches {
  readonly #kept = new Map<string, Kept>()
  /** The current objects without patches, by {@link idOf}. */
  #objects = new Map<string, KubernetesObject>()

  /** Replaces the objects. Returns each with its patches, in order, or undefined if it is hidden. */
  apply(objects: readonly KubernetesObject[]): (KubernetesObject | undefined)[] {
    this.#objects = new Map(objects.map((object) => [idOf(object), object]))
    return objects.map((object) => this.#patched(object))
  }

  /** Keeps a patch for the next {@link apply}. Returns false if there is no such object. */
  add({ kind, namespace = '', name, patch }: LocalPatch): boolean {
    const one = this.#objects.get(`${kind}/${namespace}/${name}`)
    const hidesAll = kind === 'Namespace' && patch === null
    const inside = hidesAll
      ? [...this.#objects.values()].filter(({ metadata }) => metadata.namespace === name)
      : []
    const found = one === undefined ? inside : [one, ...inside]
    for (const object of found) this.#keep(object, patch)
    return found.length > 0
  }

  #keep(object: KubernetesObject, patch: LocalPatch['patch']): void {
    const id = idOf(object)
    const before = this.#kept.get(id)?.patch ?? {}
    const both = patch === null ? null : (merge(before, patch, true) as NonNullable<LocalPatch['patch']>)
    this.#kept.set(id, { patch: both, of: object })
  }

  #patched(object: KubernetesObject): KubernetesObject | undefined {
    const id = idOf(object)
    const kept = this.#kept.get(id)
    if (kept === undefined) return object
    if (isDeepStrictEqual(kept.of, object)) {
      return kept.patch === null ? undefined : (merge(object, kept.patch, false) as KubernetesObject)
    }
    this.#kept.delete(id)
    return object
  }
}

/**
 * Applies a JSON Merge Patch (RFC 7396): objects merge, null removes a field. With `keepNull` the target is a patch, too,
 * and the result is one that does what both do.
 */
function merge(target: unknown, patch: unknown, keepNull: boolean): unknown {
  if (!isMap(patch)) return patch
  const merged: Record<string, unknown> = isMap(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null && !keepNull) delete merged[name]
    else merged[name] = merge(merged[name], value, keepNull)
  }
  return merged
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
