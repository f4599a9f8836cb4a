import type { Client, HeadEdits, ResponseWaits } from '../../../proxy/decision.ts'
import { type Head, isGrpc } from '../../../proxy/head.ts'
import type { Transport, Upstream } from '../../../transport/transport.ts'
import { firstLink, type LinkUpstream } from '../backends/cluster.ts'
import type { Live, Lookup } from '../clusters/cluster.ts'
import { Path } from './forward.ts'
import { connectionOf } from '../frontends/connection.ts'
import type { ClusterLinks, StreamLink } from './links.ts'
import type { Sender } from './request-edits.ts'
import type { ServedCircuit } from './served-circuit.ts'
import type { ServedTarget } from './served-target.ts'

/** One request, and what its paths have in common. */
export interface PathRequest {
  readonly served: ServedCircuit
  readonly head: Head
  readonly client: Client
  readonly sender: Sender
  /** The edits of the access check. */
  readonly more: { readonly edits: HeadEdits; readonly responseEdits?: HeadEdits }
}

/** The paths of a request, or why there are none. */
export type Paths =
  | { readonly paths: readonly Path[] }
  /** Every target is a service of a cluster that is not connected. */
  | { readonly absent: Exclude<Lookup<StreamLink>, { state: 'live' }> }
  /** No target takes requests, for this reason (part of a sentence). */
  | { readonly none: string }

/** One way to a target for a TCP connection. */
export class TcpPath implements Upstream {
  readonly target: ServedTarget
  readonly #upstream: Upstream

  constructor(target: ServedTarget, upstream: Upstream) {
    this.target = target
    this.#upstream = upstream
  }

  get key(): string {
    return this.#upstream.key
  }

  dial(): Transport {
    return this.#upstream.dial()
  }
}

/** Finds the paths of requests: of the chosen targets in order, one over each link of a cluster. */
export class PathFinder {
  readonly #links: ClusterLinks
  readonly #progressMs: number
  #turn = 0

  /** `responseProgressMs` of the engines applies also to circuits that limit the time to the head of a response. */
  constructor(links: ClusterLinks, responseProgressMs: number) {
    this.#links = links
    this.#progressMs = responseProgressMs
  }

  find(request: PathRequest, nowMs: number): Paths {
    const { served, head, client, sender, more } = request
    const { fields } = connectionOf(client)
    const { targets, known } = served.choose(head, sender, nowMs)
    if (targets.length === 0) return { none: whyNone(served) }
    const waits = this.#waitsOf(served)
    const speaks = versionFor(served, head)
    const paths: Path[] = []
    let absent: Exclude<Lookup<StreamLink>, { state: 'live' }> | undefined
    for (const target of targets) {
      const sticky = target === known ? undefined : served.stickyEditsOf(target, sender)
      const own = sticky === undefined ? more.responseEdits : { ...more.responseEdits, ...sticky }
      const responseEdits = fields.length === 0 ? own : { ...own, set: [...(own?.set ?? []), ...fields] }
      const found = this.linksOf(served, target)
      if (found !== undefined && found.state !== 'live') {
        absent = found
        continue
      }
      const edits = served.editsOf(target, head, sender, more.edits)
      const upstreams = this.#upstreamsOf(target, found)
      const first = found === undefined ? 0 : firstLink(upstreams as readonly LinkUpstream[], this.#turn++)
      const { length } = upstreams
      for (let step = 0; step < length; step++) {
        const upstream = upstreams[(first + step) % length] as Upstream
        paths.push(new Path(target, upstream, edits, speaks, waits, responseEdits))
      }
    }
    if (paths.length > 0) return { paths }
    return { absent: absent ?? { state: 'unknown' } }
  }

  /** The paths of a TCP connection from an address. Empty if no target takes connections. */
  findForTcp(served: ServedCircuit, address: string | undefined, nowMs: number): readonly TcpPath[] {
    return served.chooseFor(address, nowMs).flatMap((target) => {
      if (target.address !== undefined) return new TcpPath(target, target.address)
      const found = this.linksOf(served, target)
      if (found?.state !== 'live') return []
      const links = target.linksOf(found)
      const first = firstLink(links, this.#turn++)
      return links.map((_, step) => new TcpPath(target, links[(first + step) % links.length] as Upstream))
    })
  }

  /** The links of the cluster of a target. Undefined if it has none. */
  linksOf(served: ServedCircuit, { deployed: { cluster } }: ServedTarget): Lookup<StreamLink> | undefined {
    return cluster && this.#links.linksOf(cluster, served.label)
  }

  /** The ways to a target: one, or one over each link of its cluster. */
  #upstreamsOf(target: ServedTarget, found: Live<StreamLink> | undefined): readonly Upstream[] {
    if (found !== undefined) return target.linksOf(found)
    return target.address === undefined ? [] : [target.address]
  }

  #waitsOf({ allowance: { responseMs } }: ServedCircuit): ResponseWaits | undefined {
    return responseMs === undefined
      ? undefined
      : { upstreamResponseMs: responseMs, responseProgressMs: this.#progressMs }
  }
}

/** The HTTP version in which a request goes to its app: that of the circuit, but gRPC needs HTTP/2. */
const versionFor = ({ circuit: { backend } }: ServedCircuit, head: Head): Path['speaks'] =>
  backend === 'h2' || isGrpc(head) ? 'http2' : 'http1'

function whyNone({ targets }: ServedCircuit): string {
  if (targets.length === 0) return 'it has no targets'
  if (targets.every(({ deployed }) => deployed.draining)) return 'all of them drain'
  if (targets.some(({ deployed }) => deployed.devbox !== undefined))
    return 'this version does not connect to devboxes'
  return 'the health checks of all of them fail'
}
