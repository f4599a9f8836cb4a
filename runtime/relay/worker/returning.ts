import type { Credential } from './clusters/credentials.ts'
import { idOf } from './clusters/cluster.ts'

export interface ReturningOptions {
  /** How long after the start of a worker clusters have to return. */
  readonly returnMs: number
  readonly credentials: readonly Credential[]
  /** Whether a cluster has listed all its previews, at this worker or at another one that it reaches. */
  readonly hasListed: (cluster: string) => boolean
}

/** Whether a worker has just started, so that clusters may not have returned yet. */
export class Returning {
  readonly #options: ReturningOptions
  readonly #startedAtMs = performance.now()
  /** The clusters to which labels belonged in the first table. */
  #remembered: readonly string[] | undefined
  #over = false

  constructor(options: ReturningOptions) {
    this.#options = options
  }

  /** Takes the clusters to which labels belong. Only the first call counts. */
  remember(clusters: Iterable<string>): void {
    this.#remembered ??= [...clusters]
  }

  isReturning(): boolean {
    this.#over ||=
      performance.now() - this.#startedAtMs >= this.#options.returnMs ||
      this.#areOwnersBack() ||
      this.#haveAllListed()
    return !this.#over
  }

  /** Whether every cluster that had labels is back. Unknown if none had. */
  #areOwnersBack(): boolean {
    const remembered = this.#remembered ?? []
    return remembered.length > 0 && remembered.every((cluster) => this.#options.hasListed(cluster))
  }

  /** Whether every cluster that may connect has listed its previews. Unknown if a credential is valid for any cluster. */
  #haveAllListed(): boolean {
    const { credentials, hasListed } = this.#options
    return credentials.every(({ id, cluster }) => cluster !== undefined && hasListed(idOf(id, cluster)))
  }
}
