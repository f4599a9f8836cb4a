import { hashOf } from '@branchline/wire/circuits/secret'
import type { ClusterTarget, DeployedWorker } from '@branchline/wire/circuits/table'
import type { StreamTarget } from '@branchline/wire/tunnel/control'
import { parsePeerTarget, PEER_PATH, PEER_SUBPROTOCOL, type PeerTarget } from '@branchline/wire/tunnel/peer'
import type { WebSocket } from 'ws'
import type { Logger } from '../../../process/log.ts'
import type { Transport } from '../../../transport/transport.ts'
import { splice, TunnelDialler, TunnelLink, type TunnelLimits } from '../../../tunnel/index.ts'
import type { StreamLink } from '../circuits/links.ts'
import { idOf, type Lookup } from '../clusters/cluster.ts'

export interface PeersOptions {
  /** The name of this worker. */
  readonly name: string
  /** With which it connects to others. They know its hash. */
  readonly token: string
  readonly limits: TunnelLimits
  readonly logger: Logger
  /** The links of this worker to a cluster. */
  readonly localLinks: (target: Pick<ClusterTarget, 'credential' | 'name'>) => Lookup<TunnelLink>
  /** More clusters can be reached than before. */
  readonly onReached: () => void
}

interface Peer {
  readonly url: string
  readonly dialler: TunnelDialler<PeerTarget>
  clusters: readonly string[]
}

/**
 * The other workers. A request for a cluster without a tunnel to this worker goes over one that has a tunnel. Each
 * direction has its own link. Workers prove who they are by a token whose hash the coordinator has told the others.
 */
export class Peers {
  readonly #options: PeersOptions
  readonly #peers = new Map<string, Peer>()
  /** By hash: the workers that may connect. */
  #hashes = new Map<string, string>()
  readonly #accepted = new Set<TunnelLink<PeerTarget>>()
  /** By cluster: the links over peers. The same object while they are the same. */
  readonly #lookups = new Map<string, Lookup<StreamLink>>()

  constructor(options: PeersOptions) {
    this.#options = options
  }

  /** Open streams of other workers, and to them. */
  get streams(): number {
    let streams = 0
    for (const link of this.#accepted) streams += link.streams
    for (const { dialler } of this.#peers.values()) streams += dialler.link?.streams ?? 0
    return streams
  }

  /** Takes the workers of the table. */
  update(workers: Iterable<DeployedWorker>): void {
    const wanted = new Map<string, { readonly url: string; readonly clusters: readonly string[] }>()
    const hashes = new Map<string, string>()
    for (const { id, name, state, addresses, clusters, peerHash } of workers) {
      if (name === this.#options.name || peerHash === undefined) continue
      hashes.set(peerHash, name)
      if (state === 'lost' || addresses.peer === undefined || clusters.length === 0) continue
      wanted.set(id, { url: new URL(PEER_PATH, addresses.peer).href, clusters })
    }
    this.#hashes = hashes
    for (const [id, peer] of this.#peers) {
      if (wanted.get(id)?.url === peer.url) continue
      peer.dialler.stop()
      this.#peers.delete(id)
    }
    for (const [id, { url, clusters }] of wanted) {
      const known = this.#peers.get(id)
      if (known === undefined) this.#peers.set(id, { url, clusters, dialler: this.#dial(url) })
      else known.clusters = clusters
    }
    this.#changed()
  }

  /** Whether another worker has a tunnel to a cluster. */
  reaches(cluster: string): boolean {
    return this.linksTo(cluster) !== undefined
  }

  /** The links to a cluster over other workers. Undefined if there are none. */
  linksTo(cluster: string): Lookup<StreamLink> | undefined {
    const known = this.#lookups.get(cluster)
    if (known !== undefined) return known
    const links = [...this.#peers.values()].flatMap(({ clusters, dialler: { link } }) =>
      link !== undefined && clusters.includes(cluster) ? new PeerLink(link, cluster) : [],
    )
    if (links.length === 0) return undefined
    const lookup = { state: 'live', cluster: cluster.slice(cluster.indexOf(' ') + 1), links } as const
    this.#lookups.set(cluster, lookup)
    return lookup
  }

  /** The name of the worker whose token this is. Undefined if it is of none. */
  find(authorization: string | undefined): string | undefined {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return undefined
    return this.#hashes.get(hashOf(token))
  }

  /** Accepts the WebSocket of a worker. */
  accept(socket: WebSocket, name: string): void {
    const { limits, logger } = this.#options
    const link = new TunnelLink<PeerTarget>(socket, {
      dialler: false,
      limits,
      readTarget: parsePeerTarget,
      handlers: {
        onStream: (_link, stream) => {
          const { credential, cluster, environment, service, port } = stream.target
          const local = this.#options.localLinks({ credential, name: cluster })
          const tunnel = local.state === 'live' ? leastOf(local.links) : undefined
          if (tunnel === undefined) {
            stream.reset('unavailable', `this worker has no tunnel to the cluster ${cluster}`)
          } else splice(stream, tunnel.open({ environment, service, port }))
        },
        onControl: () => undefined,
        onClose: (link, error) => {
          this.#accepted.delete(link)
          logger.debug({ worker: name, reason: error.message }, 'a worker has disconnected')
        },
      },
    })
    this.#accepted.add(link)
  }

  stop(): void {
    for (const { dialler } of this.#peers.values()) dialler.stop()
    for (const link of this.#accepted) {
      link.goAway('the worker stops')
      link.close('normal', 'the worker stops')
    }
  }

  /** Cuts the remaining connections. */
  cut(): void {
    for (const link of this.#accepted) link.terminate()
  }

  #dial(url: string): TunnelDialler<PeerTarget> {
    const { token, limits, logger } = this.#options
    const dialler = new TunnelDialler<PeerTarget>({
      url,
      token,
      limits,
      subprotocol: PEER_SUBPROTOCOL,
      readTarget: parsePeerTarget,
      onStream: (_link, stream) => stream.reset('refused', 'this worker accepts streams on its own links'),
      onControl: () => undefined,
      onOpen: () => {
        dialler.established()
        this.#changed()
      },
      onDown: (error) => {
        logger.debug({ url, reason: error.message, status: error.status }, 'no link to another worker')
        this.#changed()
      },
    })
    dialler.start()
    return dialler
  }

  #changed(): void {
    this.#lookups.clear()
    this.#options.onReached()
  }
}

/** A cluster behind the link to another worker. */
class PeerLink implements StreamLink {
  readonly id: string
  readonly #link: TunnelLink<PeerTarget>
  readonly #cluster: Pick<PeerTarget, 'credential' | 'cluster'>

  constructor(link: TunnelLink<PeerTarget>, cluster: string) {
    const space = cluster.indexOf(' ')
    this.id = `peer-${link.id} ${cluster}`
    this.#link = link
    this.#cluster = { credential: cluster.slice(0, space), cluster: cluster.slice(space + 1) }
  }

  get streams(): number {
    return this.#link.streams
  }

  get takesStreams(): boolean {
    return this.#link.takesStreams
  }

  get hasRoom(): boolean {
    return this.#link.hasRoom
  }

  open({ environment, service, port }: StreamTarget): Transport {
    return this.#link.open({ ...this.#cluster, environment, service, port })
  }
}

function leastOf(links: readonly TunnelLink[]): TunnelLink | undefined {
  let least: TunnelLink | undefined
  for (const link of links)
    if (link.hasRoom && (least === undefined || link.streams < least.streams)) least = link
  return least
}

/** The id of the cluster of a target. */
export const clusterOf = ({ credential, name }: Pick<ClusterTarget, 'credential' | 'name'>): string =>
  idOf(credential, name)
