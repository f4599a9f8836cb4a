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

/** What connections are to be told: registrations that are new, or have changed. */
export type Answers<Link> = Map<Link, Registration[]>

/** Who registers: clusters of one name that have different credentials are different clusters. */
export interface Identity {
  readonly credential: string
  readonly cluster: string
  /** Which process of the cluster; undefined for the only one. */
  readonly instance: string | undefined
  /** Which connection of the process; the first is 0. */
  readonly link: number
}

/** A cluster and the labels that it owns, as they outlive a restart of the relay. */
export interface Owner {
  readonly credential: string
  readonly cluster: string
  readonly labels: readonly string[]
}

/** What one message of a cluster changes. With `more`, another one continues it. */
export interface Change {
  readonly upsert: readonly RegisteredPreview[]
  readonly remove: readonly string[]
  readonly more: boolean
}

export interface RegistryLimits {
  /** Labels of one cluster; more are refused. */
  readonly labels: number
  /** Labels of all clusters of one credential; more are refused. */
  readonly credentialLabels: number
  /** Clusters of one credential, connected or remembered. */
  readonly clusters: number
  /** Connections of one cluster at a time. */
  readonly clusterLinks: number
  /** How long a label that no connection of its cluster lists stays that cluster's. */
  readonly goneMs: number
}

export interface RegistryOptions {
  readonly limits: RegistryLimits
  readonly urlOf: (label: string) => string
  /** Called when a label gets another owner, or none. */
  readonly onOwners?: () => void
}

const UNKNOWN = { state: 'unknown' } as const

/**
 * Host labels and their owners. A label belongs to the cluster that registered it first, until that gives it up
 * or has been gone for too long. Each connection of a cluster lists what it can reach. Knows no sockets and no clock.
 */
export class Registry<Link> {
  readonly #options: RegistryOptions
  readonly #clusters = new Map<string, Cluster<Link>>()
  readonly #members = new Map<Link, Member<Link>>()
  /** By label, the clusters that want it; the first one owns it. */
  readonly #claims = new Map<string, Cluster<Link>[]>()
  /** By credential, the labels of all its clusters. */
  readonly #counts = new Map<string, number>()
  /** Clusters that were known before a restart and have not told yet all that they have. */
  readonly #awaited = new Set<Cluster<Link>>()

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** Clusters that are connected. */
  get clusters(): number {
    let connected = 0
    for (const { members } of this.#clusters.values()) if (members.size > 0) connected++
    return connected
  }

  get labels(): number {
    return this.#claims.size
  }

  /** How many of the restored clusters have not returned. */
  get awaited(): number {
    return this.#awaited.size
  }

  find(label: string): Lookup<Link> {
    return this.#claims.get(label)?.[0]?.labels.get(label)?.lookup ?? UNKNOWN
  }

  /** Whether messages of this connection count: those of a replaced one do not. */
  has(link: Link): boolean {
    return this.#members.has(link)
  }

  /** The connections of the other instances of the same cluster. */
  others(link: Link): Link[] {
    const own = this.#members.get(link)
    const members = [...(own?.cluster.members.values() ?? [])]
    return members.filter(({ instance }) => instance !== own?.instance).map((member) => member.link)
  }

  /** Takes back what {@link owners} gave before a restart. */
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
   * A new connection says what its cluster has. Returns the connection that it replaces. Throws a
   * {@link TunnelProtocolError} where the credential or the cluster has too many.
   */
  register(
    link: Link,
    identity: Identity,
    change: Change,
    nowMs: number,
  ): { replaced: Link | undefined; answers: Answers<Link> } {
    const { credential, cluster: name, instance = '' } = identity
    const seat = seatOf(instance, identity.link)
    const answers: Answers<Link> = new Map()
    const cluster =
      this.#clusters.get(idOf(credential, name)) ?? this.#admit(credential, name, answers, nowMs)
    const before = cluster.members.get(seat)
    const { clusterLinks } = this.#options.limits
    if (before === undefined && cluster.members.size >= clusterLinks) {
      const text = `the cluster ${name} has ${clusterLinks} connections, and may have no more`
      throw new TunnelProtocolError('full', text)
    }
    if (before !== undefined) this.disconnect(before.link, nowMs)
    const previews = new Map<string, RegisteredPreview>()
    const member = { cluster, instance, seat, link, previews, complete: false, draining: false }
    cluster.members.set(seat, member)
    this.#members.set(link, member)
    this.#apply(member, change, answers, nowMs)
    return { replaced: before?.link, answers }
  }

  /** A connection says what has changed. */
  update(link: Link, change: Change, nowMs: number): Answers<Link> {
    const answers: Answers<Link> = new Map()
    const member = this.#members.get(link)
    if (member !== undefined) this.#apply(member, change, answers, nowMs)
    return answers
  }

  /** A connection takes no new streams. */
  drain(link: Link, nowMs: number): void {
    const member = this.#members.get(link)
    if (member === undefined || member.draining) return
    member.draining = true
    for (const label of member.previews.keys()) judge(member.cluster, label, nowMs)
  }

  /** A connection has ended. Its cluster's labels stay for now. */
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
  expire(nowMs: number): Answers<Link> {
    const answers: Answers<Link> = new Map()
    const { goneMs } = this.#options.limits
    for (const cluster of this.#clusters.values()) {
      for (const [label, { unlistedAtMs }] of cluster.labels) {
        if (unlistedAtMs !== undefined && nowMs - unlistedAtMs >= goneMs)
          this.#release(cluster, label, answers)
      }
      const isGone = cluster.members.size === 0 && cluster.labels.size === 0
      if (isGone && nowMs - cluster.goneAtMs >= goneMs) this.#forget(cluster, answers)
    }
    return answers
  }

  /** All labels, for people. */
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

  #admit(credential: string, name: string, answers: Answers<Link>, nowMs: number): Cluster<Link> {
    const { clusters } = this.#options.limits
    const same = [...this.#clusters.values()].filter((cluster) => cluster.credential === credential)
    if (same.length >= clusters) {
      const gone = same.filter(({ members }) => members.size === 0)
      const oldest = gone.sort((one, two) => one.goneAtMs - two.goneAtMs)[0]
      if (oldest === undefined) {
        throw new TunnelProtocolError(
          'full',
          `this credential has ${clusters} clusters, and may have no more`,
        )
      }
      this.#forget(oldest, answers)
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

  #forget(cluster: Cluster<Link>, answers: Answers<Link>): void {
    for (const label of cluster.labels.keys()) this.#release(cluster, label, answers)
    this.#clusters.delete(cluster.id)
    this.#awaited.delete(cluster)
    this.#options.onOwners?.()
  }

  #apply(
    member: Member<Link>,
    { upsert, remove, more }: Change,
    answers: Answers<Link>,
    nowMs: number,
  ): void {
    const { cluster, previews } = member
    for (const label of remove) {
      if (!previews.delete(label)) continue
      judge(cluster, label, nowMs)
      if (isSettled(cluster) && !isListed(cluster, label)) this.#release(cluster, label, answers)
    }
    for (const preview of upsert) tell(answers, member.link, this.#claim(member, preview, nowMs))
    if (more || member.complete) return
    member.complete = true
    this.#awaited.delete(cluster)
    if (isSettled(cluster)) this.#releaseUnlisted(cluster, answers)
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
    return this.#answer(label, cluster)
  }

  #refusal({ labels, credential }: Cluster<Link>): string | undefined {
    const { limits } = this.#options
    if (labels.size >= limits.labels)
      return `the cluster has ${limits.labels} previews here already: remove some`
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

  #releaseUnlisted(cluster: Cluster<Link>, answers: Answers<Link>): void {
    for (const [label, { unlistedAtMs }] of cluster.labels) {
      if (unlistedAtMs !== undefined) this.#release(cluster, label, answers)
    }
  }

  #release(cluster: Cluster<Link>, label: string, answers: Answers<Link>): void {
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
        if (previews.has(label)) tell(answers, link, this.#answer(label, next))
      }
    }
  }

  #answer(label: string, cluster: Cluster<Link>): Registration {
    const owner = this.#claims.get(label)?.[0]
    if (owner === undefined || owner === cluster) return { label, url: this.#options.urlOf(label) }
    const who = owner.name === cluster.name ? `another cluster named ${owner.name}` : `cluster ${owner.name}`
    return { label, refusal: `taken by ${who}: rename the preview or the environment` }
  }
}

function tell<Link>(answers: Answers<Link>, link: Link, registration: Registration): void {
  const told = answers.get(link)
  if (told === undefined) answers.set(link, [registration])
  else told.push(registration)
}
