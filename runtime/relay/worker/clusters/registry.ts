import type { RegisteredPreview, Registration } from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import {
  allOf,
  type Cluster,
  idOf,
  isListed,
  isSettled,
  judge,
  type Lookup,
  type Member,
  seatOf,
} from './cluster.ts'

/** New and changed registrations to report, by connection. */
export type Results<Link> = Map<Link, Registration[]>

/** The identity of a connection. Clusters of one name with different credentials are different clusters. */
export interface Identity {
  readonly credential: string
  readonly cluster: string
  /** The process within the cluster. Undefined for the only one. */
  readonly instance: string | undefined
  /** The number of the connection within the process, from 0. */
  readonly link: number
}

/** The change in one message of a cluster. With `more`, another message continues it. */
export interface Change {
  readonly upsert: readonly RegisteredPreview[]
  readonly remove: readonly string[]
  readonly more: boolean
}

/** What the connections of a cluster list together, to report to the coordinator. */
export interface Listing extends Change {
  readonly credential: string
  readonly cluster: string
  /** Whether every connection has listed all. */
  readonly settled: boolean
}

export interface RegistryLimits {
  /** The maximum labels of one cluster. More are refused. */
  readonly labels: number
  /** The maximum labels of all clusters of one credential. More are refused. */
  readonly credentialLabels: number
  /** The maximum clusters of one credential, connected or remembered. */
  readonly clusters: number
  /** The maximum connections of one cluster. */
  readonly clusterLinks: number
  /** How long a cluster without connections is remembered. */
  readonly goneMs: number
}

export interface RegistryOptions {
  readonly limits: RegistryLimits
  readonly urlOf: (label: string) => string
  /** The id of the cluster to which a label belongs. Undefined if it belongs to none. */
  readonly ownerOf: (label: string) => string | undefined
  readonly onListing: (listing: Listing) => void
  /** The last connection of a cluster has ended. */
  readonly onUnlisted: (cluster: { readonly credential: string; readonly cluster: string }) => void
}

const UNKNOWN = { state: 'unknown' } as const

/**
 * The connections of clusters, and the previews that each of them can reach. To which cluster a label belongs, only the
 * coordinator decides. The registry uses no sockets and no clock.
 */
export class Registry<Link> {
  readonly #options: RegistryOptions
  readonly #clusters = new Map<string, Cluster<Link>>()
  readonly #members = new Map<Link, Member<Link>>()

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** The number of connected clusters. */
  get clusters(): number {
    return this.connected.length
  }

  /** The ids of the connected clusters. */
  get connected(): string[] {
    return [...this.#clusters.values()].filter(({ members }) => members.size > 0).map(({ id }) => id)
  }

  /** Whether a cluster is connected and has listed all its previews. */
  hasListed(cluster: string): boolean {
    const members = this.#clusters.get(cluster)?.members.values() ?? []
    return [...members].some(({ complete }) => complete)
  }

  /** The meaning of a label, by its owner and the connections of that cluster. */
  find(label: string): Lookup<Link> {
    const owner = this.#options.ownerOf(label)
    return owner === undefined ? UNKNOWN : this.findOf(owner, label)
  }

  /** The connections that serve a label which belongs to a cluster. */
  findOf(owner: string, label: string): Lookup<Link> {
    const cluster = this.#clusters.get(owner)
    const entry = cluster?.labels.get(label)
    if (entry !== undefined) return entry.lookup
    // Given up a moment ago: the coordinator does not know yet.
    if (cluster !== undefined && cluster.members.size > 0 && isSettled(cluster)) return UNKNOWN
    return { state: 'gone', cluster: owner.slice(owner.indexOf(' ') + 1), sinceMs: undefined }
  }

  /**
   * The links to a service of a cluster: those that list the label, if it belongs to the cluster, otherwise all of them.
   */
  linksOf(
    { credential, name }: Pick<Identity, 'credential'> & { readonly name: string },
    label: string,
  ): Lookup<Link> {
    const id = idOf(credential, name)
    if (this.#options.ownerOf(label) === id) return this.findOf(id, label)
    const cluster = this.#clusters.get(id)
    if (cluster === undefined) return { state: 'gone', cluster: name, sinceMs: undefined }
    return allOf(cluster)
  }

  /** What a cluster lists for a label. */
  previewOf(cluster: string, label: string): RegisteredPreview | undefined {
    const entry = this.#clusters.get(cluster)?.labels.get(label)
    return entry?.lookup.state === 'live' ? entry.preview : undefined
  }

  /** Whether messages of this connection are accepted. Those of a replaced one are not. */
  has(link: Link): boolean {
    return this.#members.has(link)
  }

  /** The connections of the other instances of the same cluster. */
  others(link: Link): Link[] {
    const own = this.#members.get(link)
    const members = [...(own?.cluster.members.values() ?? [])]
    return members.filter(({ instance }) => instance !== own?.instance).map((member) => member.link)
  }

  /** Whether some labels of a connection have no result yet. */
  isPending(link: Link): boolean {
    const member = this.#members.get(link)
    return member !== undefined && member.told.size < member.previews.size
  }

  /**
   * Registers a new connection with its previews. Returns the connection that it replaces, and the results that are
   * known at once. Throws a {@link TunnelProtocolError} if the credential or the cluster exceeds a limit.
   */
  register(
    link: Link,
    identity: Identity,
    change: Change,
    nowMs: number,
  ): { replaced: Link | undefined; results: Registration[] } {
    const { credential, cluster: name, instance = '' } = identity
    const seat = seatOf(instance, identity.link)
    const cluster = this.#clusters.get(idOf(credential, name)) ?? this.#admit(credential, name, nowMs)
    const before = cluster.members.get(seat)
    const { clusterLinks } = this.#options.limits
    if (before === undefined && cluster.members.size >= clusterLinks) {
      const text = `the cluster ${name} has ${clusterLinks} connections, which is the limit`
      throw new TunnelProtocolError('full', text)
    }
    const previews = new Map<string, RegisteredPreview>()
    const told = new Map<string, string>()
    const member = { cluster, instance, seat, link, previews, told, complete: false, draining: false }
    // First, so that the cluster never has no connection.
    if (before !== undefined) this.#members.delete(before.link)
    cluster.members.set(seat, member)
    for (const label of before?.previews.keys() ?? []) judge(cluster, label, nowMs)
    this.#members.set(link, member)
    return { replaced: before?.link, results: this.#apply(member, change, nowMs) }
  }

  /** Applies the changes of a connection. Returns the results that are known at once. */
  update(link: Link, change: Change, nowMs: number): Registration[] {
    const member = this.#members.get(link)
    return member === undefined ? [] : this.#apply(member, change, nowMs)
  }

  /** Takes the refusals of a coordinator, or an empty text where it has accepted a label. Returns what is new. */
  decide(cluster: string, decisions: Iterable<readonly [label: string, refusal: string]>): Results<Link> {
    const known = this.#clusters.get(cluster)
    const results: Results<Link> = new Map()
    if (known === undefined) return results
    for (const [label, refusal] of decisions) {
      if (refusal === '') known.refusals.delete(label)
      else if (known.labels.has(label)) known.refusals.set(label, refusal)
      this.#report(known, label, results)
    }
    return results
  }

  /** The owners of labels have changed. Returns what is new for the connections of the clusters that list them. */
  owned(labels: Iterable<string>): Results<Link> {
    const results: Results<Link> = new Map()
    for (const label of labels) {
      const owner = this.#options.ownerOf(label)
      for (const cluster of this.#clusters.values()) {
        if (!cluster.labels.has(label)) continue
        if (owner === cluster.id) {
          cluster.refusals.delete(label)
          this.#report(cluster, label, results)
        } else if (!isListed(cluster, label)) cluster.labels.delete(label)
      }
    }
    return results
  }

  /** Marks a connection that takes no new streams. */
  drain(link: Link, nowMs: number): void {
    const member = this.#members.get(link)
    if (member === undefined || member.draining) return
    member.draining = true
    for (const label of member.previews.keys()) judge(member.cluster, label, nowMs)
  }

  /** Removes a connection that has ended. Its cluster keeps its labels for now. */
  disconnect(link: Link, nowMs: number): void {
    const member = this.#members.get(link)
    if (member === undefined) return
    const { cluster } = member
    this.#members.delete(link)
    cluster.members.delete(member.seat)
    for (const label of member.previews.keys()) judge(cluster, label, nowMs)
    if (cluster.members.size > 0) return
    cluster.goneAtMs = nowMs
    cluster.reported.clear()
    cluster.refusals.clear()
    this.#options.onUnlisted({ credential: cluster.credential, cluster: cluster.name })
  }

  /** Forgets clusters that have had no connection for too long. */
  expire(nowMs: number): void {
    const { goneMs } = this.#options.limits
    for (const { id, members, goneAtMs } of this.#clusters.values())
      if (members.size === 0 && nowMs - goneAtMs >= goneMs) this.#clusters.delete(id)
  }

  /** What all clusters list, for a coordinator that has not been told. */
  *listings(): Iterable<Listing> {
    for (const cluster of this.#clusters.values()) {
      if (cluster.members.size === 0) continue
      const { credential, name, reported } = cluster
      const upsert = [...reported].flatMap((label) => cluster.labels.get(label)?.preview ?? [])
      const complete = [...cluster.members.values()].some((member) => member.complete)
      yield { credential, cluster: name, upsert, remove: [], more: !complete, settled: isSettled(cluster) }
    }
  }

  /** All labels, for people to read. */
  dump(): unknown {
    const labels: Record<string, unknown> = {}
    for (const cluster of this.#clusters.values())
      for (const [label, { preview, lookup }] of cluster.labels) {
        const isOwner = this.#options.ownerOf(label) === cluster.id
        if (!isOwner && label in labels) continue
        const links = isOwner && lookup.state === 'live' ? lookup.links.length : 0
        const state = isOwner ? lookup.state : 'refused'
        labels[label] = { cluster: cluster.name, state, links, ...preview }
      }
    return labels
  }

  #admit(credential: string, name: string, nowMs: number): Cluster<Link> {
    const { clusters } = this.#options.limits
    const same = [...this.#clusters.values()].filter((cluster) => cluster.credential === credential)
    if (same.length >= clusters) {
      const gone = same.filter(({ members }) => members.size === 0)
      const oldest = gone.sort((one, two) => one.goneAtMs - two.goneAtMs)[0]
      if (oldest === undefined) {
        throw new TunnelProtocolError('full', `this credential has ${clusters} clusters, which is the limit`)
      }
      this.#clusters.delete(oldest.id)
    }
    const id = idOf(credential, name)
    const cluster: Cluster<Link> = {
      id,
      credential,
      name,
      members: new Map(),
      labels: new Map(),
      reported: new Set(),
      refusals: new Map(),
      goneAtMs: nowMs,
    }
    this.#clusters.set(id, cluster)
    return cluster
  }

  #apply(member: Member<Link>, { upsert, remove, more }: Change, nowMs: number): Registration[] {
    const { cluster, previews } = member
    for (const label of remove) {
      if (!previews.delete(label)) continue
      member.told.delete(label)
      judge(cluster, label, nowMs)
    }
    const refused: Registration[] = []
    const accepted: RegisteredPreview[] = []
    for (const preview of upsert) {
      const { label } = preview
      const refusal = cluster.labels.has(label) ? undefined : this.#refusal(cluster)
      if (refusal !== undefined) {
        refused.push({ label, refusal })
        continue
      }
      accepted.push(preview)
      previews.set(label, preview)
      judge(cluster, label, nowMs, preview)
    }
    const completes = !more && !member.complete
    if (completes) member.complete = true
    const settled = isSettled(cluster)
    const candidates = completes ? cluster.reported : remove
    const removed = settled ? [...candidates].filter((label) => this.#giveUp(cluster, label)) : []
    const listed = accepted.flatMap(({ label }) => cluster.labels.get(label)?.preview ?? [])
    for (const { label } of listed) cluster.reported.add(label)
    const { credential, name } = cluster
    this.#options.onListing({ credential, cluster: name, upsert: listed, remove: removed, more, settled })
    return [...refused, ...this.#resultsOf(member, accepted)]
  }

  /** Why a cluster may list no further label. It bounds the memory; the coordinator counts over all workers. */
  #refusal({ labels, credential }: Cluster<Link>): string | undefined {
    const { limits } = this.#options
    if (labels.size >= limits.labels)
      return `the cluster already has ${limits.labels} previews here: remove some`
    let all = 0
    for (const cluster of this.#clusters.values())
      if (cluster.credential === credential) all += cluster.labels.size
    if (all < limits.credentialLabels) return undefined
    return `all clusters of this credential have ${limits.credentialLabels} previews here: remove some`
  }

  /** Forgets a label that no connection lists any more. */
  #giveUp(cluster: Cluster<Link>, label: string): boolean {
    if (isListed(cluster, label) || !cluster.reported.delete(label)) return false
    cluster.labels.delete(label)
    cluster.refusals.delete(label)
    return true
  }

  /** The results for labels that a connection has just listed. Those that are not known yet follow. */
  #resultsOf({ cluster, told }: Member<Link>, upsert: readonly RegisteredPreview[]): Registration[] {
    return upsert.flatMap(({ label }) => {
      const result = this.#resultFor(label, cluster)
      if (result === undefined) told.delete(label)
      else told.set(label, textOf(result))
      return result ?? []
    })
  }

  /** Adds the result for a label to those of the connections that list it and were not told the same. */
  #report(cluster: Cluster<Link>, label: string, results: Results<Link>): void {
    const result = this.#resultFor(label, cluster)
    if (result === undefined) return
    const text = textOf(result)
    for (const { link, previews, told } of cluster.members.values()) {
      if (!previews.has(label) || told.get(label) === text) continue
      told.set(label, text)
      const known = results.get(link)
      if (known === undefined) results.set(link, [result])
      else known.push(result)
    }
  }

  /** Undefined if the coordinator has not decided yet. */
  #resultFor(label: string, cluster: Cluster<Link>): Registration | undefined {
    if (this.#options.ownerOf(label) === cluster.id) return { label, url: this.#options.urlOf(label) }
    const refusal = cluster.refusals.get(label)
    return refusal === undefined ? undefined : { label, refusal }
  }
}

const textOf = ({ url, refusal }: Registration): string => refusal ?? url ?? ''
