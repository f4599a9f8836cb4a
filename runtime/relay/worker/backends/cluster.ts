import type { ClusterTarget } from '@branchline/wire/circuits/table'
import type { StreamTarget } from '@branchline/wire/tunnel/control'
import type { Transport, Upstream } from '../../../transport/transport.ts'
import type { StreamLink } from '../circuits/links.ts'

/** A service of a cluster behind one link. Streams are pooled by link and service. */
export class LinkUpstream implements Upstream {
  readonly key: string
  readonly link: StreamLink
  readonly #target: StreamTarget

  constructor({ environment, service, port }: ClusterTarget, link: StreamLink) {
    this.key = `${link.id}/${environment}/${service}:${port}`
    this.link = link
    this.#target = { environment, service, port }
  }

  dial(): Transport {
    return this.link.open(this.#target)
  }
}

/** The load of a link. One that is ending comes last. */
const loadOf = ({ link }: LinkUpstream): number =>
  link.takesStreams ? link.streams : Number.POSITIVE_INFINITY

/**
 * The order in which to try links, as places: the one with the fewest streams first. If several have as few, they take
 * turns.
 */
export function firstLink(upstreams: readonly LinkUpstream[], turn: number): number {
  const { length } = upstreams
  let first = turn % length
  for (let step = 1; step < length; step++) {
    const index = (turn + step) % length
    if (loadOf(upstreams[index] as LinkUpstream) < loadOf(upstreams[first] as LinkUpstream)) first = index
  }
  return first
}
