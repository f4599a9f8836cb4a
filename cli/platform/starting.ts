import type { LocalState } from '@branchline/wire/local-api'

/** How long a pod counts as starting, in milliseconds; one that takes longer is not waited for. */
export const STARTING_MS = 10_000

/** Which pods are starting: not ready yet since they came, not failed, and not for too long. */
export class StartingPods {
  readonly #seenAt = new Map<string, number>()
  readonly #wereReady = new Set<string>()

  /** Takes on the pods that there are; `now` in milliseconds, from any beginning. Returns those that start. */
  update({ pods }: LocalState, now: number): { namespace: string; name: string }[] {
    const ids = new Set(pods.map(idOf))
    for (const id of this.#seenAt.keys()) if (!ids.has(id)) this.#forget(id)
    return pods.filter((pod) => {
      const id = idOf(pod)
      const seenAt = this.#seenAt.get(id) ?? now
      this.#seenAt.set(id, seenAt)
      if (pod.ready) this.#wereReady.add(id)
      const failed = pod.containers.some(({ restarts }) => restarts > 0)
      return !this.#wereReady.has(id) && !failed && now - seenAt < STARTING_MS
    })
  }

  #forget(id: string): void {
    this.#seenAt.delete(id)
    this.#wereReady.delete(id)
  }
}

const idOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}/${name}`
