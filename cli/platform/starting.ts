import type { LocalState } from '@branchline/wire/local-api'

/** How long a pod counts as starting, in milliseconds. Previews do not wait for it any longer. */
export const STARTING_MS = 30_000

/** The pods that are starting: never ready, no container restarted, and seen for less than {@link STARTING_MS}. */
export class StartingPods {
  readonly #seenAt = new Map<string, number>()
  readonly #wereReady = new Set<string>()

  /** Updates the known pods and returns those that are starting. `now` is a time in milliseconds of a steady clock. */
  update({ pods }: LocalState, now: number): { namespace: string; name: string }[] {
    const ids = new Set(pods.map(idOf))
    for (const id of this.#seenAt.keys()) if (!ids.has(id)) this.#forget(id)
    return pods.filter((pod) => {
      const id = idOf(pod)
      const seenAt = this.#seenAt.get(id) ?? now
      this.#seenAt.set(id, seenAt)
      if (pod.ready) this.#wereReady.add(id)
      const failed = pod.containers.some(({ restarts }) => restarts > 0)
      return pod.ends !== true && !this.#wereReady.has(id) && !failed && now - seenAt < STARTING_MS
    })
  }

  #forget(id: string): void {
    this.#seenAt.delete(id)
    this.#wereReady.delete(id)
  }
}

const idOf = ({ namespace, name }: { namespace: string; name: string }): string => `${namespace}/${name}`
