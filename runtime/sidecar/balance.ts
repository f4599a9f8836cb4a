import { tcpUpstream, type Upstream } from '../http/index.ts'
import type { Destination } from './table.ts'

/** The most endpoints of one environment that are tried for one request. */
export const MAX_TRIES = 3

interface Rotation {
  readonly upstreams: readonly Upstream[]
  next: number
}

/**
 * Whom to ask of an environment's endpoints: round robin, from a random one on, so that many sidecars with
 * one table do not begin with the same. What it remembers of a destination goes with it.
 */
export class Balancer {
  readonly #rotations = new WeakMap<Destination, Rotation>()

  /** The endpoints to try for one request, in order: at most {@link MAX_TRIES}, none twice. */
  pick(destination: Destination): readonly Upstream[] {
    const rotation = this.#rotations.get(destination) ?? this.#begin(destination)
    const { upstreams } = rotation
    if (upstreams.length < 2) return upstreams
    const from = rotation.next++ % upstreams.length
    const picked: Upstream[] = []
    for (let index = 0; index < upstreams.length && index < MAX_TRIES; index++) {
      picked.push(upstreams[(from + index) % upstreams.length] as Upstream)
    }
    return picked
  }

  #begin(destination: Destination): Rotation {
    const upstreams = destination.endpoints.map(({ host, port }) => tcpUpstream(host, port))
    const rotation = { upstreams, next: Math.floor(Math.random() * upstreams.length) }
    this.#rotations.set(destination, rotation)
    return rotation
  }
}
