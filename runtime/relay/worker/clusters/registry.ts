import type { RegisteredPreview, Registration } from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import {
  type Cluster,
  type Entry,
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

/** A cluster and the labels that it owns, which outlive a restart of the relay. */
export interface Owner {
  readonly credential: string
  readonly cluster: string
  readonly labels: readonly string[]
}

/** The change in one message of a cluster. With `more`, another message continues it. */
export interface Change {
  readonly upsert: readonly RegisteredPreview[]
  readonly remove: readonly string[]
  readonly more: boolean
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
  /** How long a cluster keeps a label that none of its connections lists. */
  readonly goneMs: number
}

export interface RegistryOptions {
  readonly limits: RegistryLimits
  readonly urlOf: (label: string) => string
  /** Called when the owner of a label changes. */
  readonly onOwners?: () => void
}

const UNKNOWN = { state: 'unknown' } as const

/**
 * Host labels and their owners. A label belongs to the cluster that registered it first, until that cluster gives it up
 * or has been disconnected for too long. Each connection of a cluster lists the previews that it can reach. The registry
 * uses no sockets and no clock.
 */
export class Registry<Link> {
  readonly #options: RegistryOptions
  readonly #clusters = new Map<string, Cluster<Link>>()
  readonly #members = new Map<Link, Member<Link>>()
  /** By label: the clusters that claim it. The first one owns it. */
  readonly #claims = new Map<string, Cluster<Link>[]>()
  /** By credential: the number of labels of all its clusters. */
  readonly #counts = new Map<string, number>()
  /** Clusters that were known before a restart and have not listed all their previews yet. */
  readonly #awaited = new Set<Cluster<Link>>()

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** The number of connected clusters. */
  get clusters(): number {
    let connected = 0
    for (const { members } of this.#clusters.values()) if (members.size > 0) connected++
    return connected
  }

  get labels(): number {
    return this.#claims.size
  }

  /** The number of restored clusters that have not returned. */
  get awaited(): number {
    return this.#awaited.size
  }

  /** Whether a cluster is connected and has listed all its previews. */
  hasListed(credential: string, name: string): boolean {
    const members = this.#clusters.get(idOf(credential, name))?.members.values() ?? []
    return [...members].some(({ complete }) => complete)
  }

  find(label: string): Lookup<Link> {
    return this.#claims.get(label)?.[0]?.labels.get(label)?.lookup ?? UNKNOWN
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

  /** Restores the result of {@link owners} after a restart. */
  restore(owners: readonly Owner[], nowMs: number): void {
    for (const { credential, cluster: name, labels } of owners) {
      const cluster = this.#make(credential, name, nowMs)
      this.#awaited.add(cluster)
      for (const label of labels) {
        if (this.#claims.has(label)) continue
        const lookup = { state: 'gone', cluster: name, sinceMs: undefined } as const
        this.#own(cluster, label, { preview: undefined, lookup, unlistedAtMs: nowMs })
      }
    }
  }

  /** Every cluster with the labels that it owns. */
  owners(): Owner[] {
    return [...this.#clusters.values()].map((cluster) => {
      const labels = [...cluster.labels.keys()].filter((label) => this.#claims.get(label)?.[0] === cluster)
      return { credential: cluster.credential, cluster: cluster.name, labels }
    })
  }

  /**
   * Registers a new connection with its previews. Returns the connection that it replaces. Throws a
   * {@link TunnelProtocolError} if the credential or the cluster exceeds a limit.
   */
  register(
    link: Link,
    identity: Identity,
    change: Change,
    nowMs: number,
  ): { replaced: Link | undefined; results: Results<Link> } {
    const { credential, cluster: name, instance = '' } = identity
    const seat = seatOf(instance, identity.link)
    const results: Results<Link> = new Map()
    const cluster =
      this.#clusters.get(idOf(credential, name)) ?? this.#admit(credential, name, results, nowMs)
    const before = cluster.members.get(seat)
    const { clusterLinks } = this.#options.limits
    if (before === undefined && cluster.members.size >= clusterLinks) {
      const text = `the cluster ${name} has ${clusterLinks} connections, which is the limit`
      throw new TunnelProtocolError('full', text)
    }
    if (before !== undefined) this.disconnect(before.link, nowMs)
    const previews = new Map<string, RegisteredPreview>()
    const member = { cluster, instance, seat, link, previews, complete: false, draining: false }
    cluster.members.set(seat, member)
    this.#members.set(link, member)
    this.#apply(member, change, results, nowMs)
    return { replaced: before?.link, results }
  }

  /** Applies the changes of a connection. */
  update(link: Link, change: Change, nowMs: number): Results<Link> {
    const results: Results<Link> = new Map()
    const member = this.#members.get(link)
    if (member !== undefined) this.#apply(member, change, results, nowMs)
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
    cluster.goneAtMs = nowMs
    for (const label of member.previews.keys()) judge(cluster, label, nowMs)
  }

  /** Frees the labels that no connection has listed for too long. */
  expire(nowMs: number): Results<Link> {
    const results: Results<Link> = new Map()
    const { goneMs } = this.#options.limits
    for (const cluster of this.#clusters.values()) {
      for (const [label, { unlistedAtMs }] of cluster.labels) {
        if (unlistedAtMs !== undefined && nowMs - unlistedAtMs >= goneMs)
          this.#release(cluster, label, results)
      }
      const isGone = cluster.members.size === 0 && cluster.labels.size === 0
      if (isGone && nowMs - cluster.goneAtMs >= goneMs) this.#forget(cluster, results)
    }
    return results
  }

  /** All labels, for people to read. */
  dump(): unknown {
    return Object.fromEntries(
      [...this.#claims].map(([label, [owner, ...waiting]]) => {
        const { preview, lookup } = owner?.labels.get(label) ?? {}
        const links = lookup?.state === 'live' ? lookup.links.length : 0
        const others = waiting.map(({ name }) => name)
        return [label, { cluster: owner?.name, state: lookup?.state, links, ...preview, waiting: others }]
      }),
    )
  }

  #admit(credential: string, name: string, results: Results<Link>, nowMs: number): Cluster<Link> {
    const { clusters } = this.#options.limits
    const same = [...this.#clusters.values()].filter((cluster) => cluster.credential === credential)
    if (same.length >= clusters) {
      const gone = same.filter(({ members }) => members.size === 0)
      const oldest = gone.sort((one, two) => one.goneAtMs - two.goneAtMs)[0]
      if (oldest === undefined) {
        throw new TunnelProtocolError('full', `this credential has ${clusters} clusters, which is the limit`)
      }
      this.#forget(oldest, results)
    }
    return this.#make(credential, name, nowMs)
  }

  #make(credential: string, name: string, nowMs: number): Cluster<Link> {
    const id = idOf(credential, name)
    const cluster = { id, credential, name, members: new Map(), labels: new Map(), goneAtMs: nowMs }
    this.#clusters.set(id, cluster)
    this.#options.onOwners?.()
    return cluster
  }

  #forget(cluster: Cluster<Link>, results: Results<Link>): void {
    for (const label of cluster.labels.keys()) this.#release(cluster, label, results)
    this.#clusters.delete(cluster.id)
    this.#awaited.delete(cluster)
    this.#options.onOwners?.()
  }

  #apply(
    member: Member<Link>,
    { upsert, remove, more }: Change,
    results: Results<Link>,
    nowMs: number,
  ): void {
    const { cluster, previews } = member
    for (const label of remove) {
      if (!previews.delete(label)) continue
      judge(cluster, label, nowMs)
      if (isSettled(cluster) && !isListed(cluster, label)) this.#release(cluster, label, results)
    }
    for (const preview of upsert) addResult(results, member.link, this.#claim(member, preview, nowMs))
    if (more || member.complete) return
    member.complete = true
    this.#awaited.delete(cluster)
    if (isSettled(cluster)) this.#releaseUnlisted(cluster, results)
  }

  #claim({ cluster, previews }: Member<Link>, preview: RegisteredPreview, nowMs: number): Registration {
    const { label } = preview
    const known = cluster.labels.get(label)
    const entry: Entry<Link> = known ?? { preview, lookup: UNKNOWN, unlistedAtMs: undefined }
    if (known === undefined) {
      const refusal = this.#refusal(cluster)
      if (refusal !== undefined) return { label, refusal }
      this.#own(cluster, label, entry)
    }
    previews.set(label, preview)
    entry.preview = preview
    judge(cluster, label, nowMs)
    return this.#resultFor(label, cluster)
  }

  #refusal({ labels, credential }: Cluster<Link>): string | undefined {
    const { limits } = this.#options
    if (labels.size >= limits.labels)
      return `the cluster already has ${limits.labels} previews here: remove some`
    if ((this.#counts.get(credential) ?? 0) >= limits.credentialLabels)
      return `all clusters of this credential have ${limits.credentialLabels} previews here: remove some`
    return undefined
  }

  #own(cluster: Cluster<Link>, label: string, entry: Entry<Link>): void {
    cluster.labels.set(label, entry)
    this.#counts.set(cluster.credential, (this.#counts.get(cluster.credential) ?? 0) + 1)
    const claims = this.#claims.get(label)
    if (claims !== undefined) {
      claims.push(cluster)
      return
    }
    this.#claims.set(label, [cluster])
    this.#options.onOwners?.()
  }

  #releaseUnlisted(cluster: Cluster<Link>, results: Results<Link>): void {
    for (const [label, { unlistedAtMs }] of cluster.labels) {
      if (unlistedAtMs !== undefined) this.#release(cluster, label, results)
    }
  }

  #release(cluster: Cluster<Link>, label: string, results: Results<Link>): void {
    if (!cluster.labels.delete(label)) return
    this.#counts.set(cluster.credential, (this.#counts.get(cluster.credential) ?? 1) - 1)
    const claims = this.#claims.get(label) ?? []
    const had = claims[0] === cluster
    const left = claims.filter((it) => it !== cluster)
    if (left.length === 0) this.#claims.delete(label)
    else this.#claims.set(label, left)
    if (!had) return
    this.#options.onOwners?.()
    for (const next of left) {
      for (const { link, previews } of next.members.values()) {
        if (previews.has(label)) addResult(results, link, this.#resultFor(label, next))
      }
    }
  }

  #resultFor(label: string, cluster: Cluster<Link>): Registration {
    const owner = this.#claims.get(label)?.[0]
    if (owner === undefined || owner === cluster) return { label, url: this.#options.urlOf(label) }
    const holder =
      owner.name === cluster.name ? `another cluster named ${owner.name}` : `cluster ${owner.name}`
    return { label, refusal: `taken by ${holder}: rename the preview or the environment` }
  }
}

function addResult<Link>(results: Results<Link>, link: Link, registration: Registration): void {
  const known = results.get(link)
  if (known === undefined) results.set(link, [registration])
  else known.push(registration)
}
