import type { KubernetesObject, ObjectEvent } from '@branchline/wire/kubernetes'
import type { LocalKind } from '@branchline/wire/local-api'

/** The current objects of a watch. */
export class Snapshots {
  readonly #objects = new Map<string, KubernetesObject>()

  take({ type, object }: ObjectEvent): void {
    const id = `${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`
    if (type === 'DELETED') this.#objects.delete(id)
    else this.#objects.set(id, object)
  }

  get current(): Partial<Record<LocalKind, readonly KubernetesObject[]>> {
    return Object.groupBy([...this.#objects.values()], ({ kind }) => kind as LocalKind)
  }
}
