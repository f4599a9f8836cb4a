import type { RegisteredPreview, Registration } from '@branchline/wire/tunnel/control'

/** What a host label stands for at this moment. */
export type Lookup<Link> =
  | { readonly state: 'unknown' }
  /** The cluster is not connected, and its labels are still kept. */
  | { readonly state: 'gone'; readonly cluster: string; readonly preview: RegisteredPreview }
  | {
      readonly state: 'live'
      readonly cluster: string
      readonly preview: RegisteredPreview
      readonly link: Link
    }

/** What clusters are to be told: registrations that are new, or have changed. */
export type Answers = Map<string, Registration[]>

interface Cluster<Link> {
  readonly name: string
  link: Link | undefined
  /** When it went; undefined while it is connected. */
  goneAtMs: number | undefined
  readonly previews: Map<string, RegisteredPreview>
}

export interface RegistryOptions {
  readonly labels: number
  readonly goneMs: number
  readonly urlOf: (label: string) => string
}

const UNKNOWN = { state: 'unknown' } as const

/**
 * Host labels, and whose they are: the cluster's that registered a label first, and the next one's once that
 * gives it up or has been gone for too long. Knows no sockets and no clock.
 */
export class Registry<Link> {
  readonly #options: RegistryOptions
  readonly #clusters = new Map<string, Cluster<Link>>()
  /** By label, the clusters that want it; the first one has it. */
  readonly #claims = new Map<string, Cluster<Link>[]>()

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  get clusters(): number {
    return [...this.#clusters.values()].filter(({ link }) => link !== undefined).length
  }

  get labels(): number {
    return this.#claims.size
  }

  find(label: string): Lookup<Link> {
    const owner = this.#claims.get(label)?.[0]
    const preview = owner?.previews.get(label)
    if (owner === undefined || preview === undefined) return UNKNOWN
    const { name: cluster, link } = owner
    return link === undefined
      ? { state: 'gone', cluster, preview }
      : { state: 'live', cluster, preview, link }
  }

  /** Whether this link is the one of that cluster: a replaced one is not, whatever it still sends. */
  isCurrent(cluster: string, link: Link): boolean {
    return this.#clusters.get(cluster)?.link === link
  }

  /** A cluster says, on a new link, all that it has. Returns the link that this one replaces. */
  register(
    name: string,
    link: Link,
    previews: readonly RegisteredPreview[],
  ): { replaced: Link | undefined; answers: Answers } {
    const cluster: Cluster<Link> = this.#clusters.get(name) ?? {
      name,
      link,
      goneAtMs: undefined,
      previews: new Map<string, RegisteredPreview>(),
    }
    const replaced = cluster.link === link ? undefined : cluster.link
    this.#clusters.set(name, cluster)
    cluster.link = link
    cluster.goneAtMs = undefined
    const kept = new Set(previews.map(({ label }) => label))
    const dropped = [...cluster.previews.keys()].filter((label) => !kept.has(label))
    return { replaced, answers: this.update(name, previews, dropped) }
  }

  /** A cluster says what has changed. */
  update(name: string, upsert: readonly RegisteredPreview[], remove: readonly string[]): Answers {
    const answers: Answers = new Map()
    const cluster = this.#clusters.get(name)
    if (cluster === undefined) return answers
    for (const label of remove) this.#release(cluster, label, answers)
    for (const preview of upsert) this.#claim(cluster, preview, answers)
    return answers
  }

  /** A cluster's link has ended: its labels stay for now. */
  disconnect(name: string, link: Link, nowMs: number): void {
    const cluster = this.#clusters.get(name)
    if (cluster === undefined || cluster.link !== link) return
    cluster.link = undefined
    cluster.goneAtMs = nowMs
  }

  /** Lets go what belongs to clusters that have been gone for too long. */
  expire(nowMs: number): Answers {
    const answers: Answers = new Map()
    for (const cluster of this.#clusters.values()) {
      if (cluster.goneAtMs === undefined || nowMs - cluster.goneAtMs < this.#options.goneMs) continue
      for (const label of cluster.previews.keys()) this.#release(cluster, label, answers)
      this.#clusters.delete(cluster.name)
    }
    return answers
  }

  /** All labels, for people. */
  dump(): unknown {
    return Object.fromEntries(
      [...this.#claims].map(([label, claims]) => {
        const [owner, ...waiting] = claims
        const state = owner?.link === undefined ? 'gone' : 'live'
        const others = waiting.map(({ name }) => name)
        return [label, { cluster: owner?.name, state, ...owner?.previews.get(label), waiting: others }]
      }),
    )
  }

  #claim(cluster: Cluster<Link>, preview: RegisteredPreview, answers: Answers): void {
    const { label } = preview
    const known = cluster.previews.has(label)
    if (!known && cluster.previews.size >= this.#options.labels) {
      const refusal = `the cluster has ${this.#options.labels} previews here already: remove some`
      return tell(answers, cluster, { label, refusal })
    }
    cluster.previews.set(label, preview)
    const claims = this.#claims.get(label) ?? []
    if (!known) claims.push(cluster)
    this.#claims.set(label, claims)
    tell(answers, cluster, this.#answer(label, cluster))
  }

  #release(cluster: Cluster<Link>, label: string, answers: Answers): void {
    if (!cluster.previews.delete(label)) return
    const claims = this.#claims.get(label) ?? []
    const had = claims[0] === cluster
    const left = claims.filter((it) => it !== cluster)
    if (left.length === 0) this.#claims.delete(label)
    else this.#claims.set(label, left)
    if (!had) return
    for (const next of left) if (next.link !== undefined) tell(answers, next, this.#answer(label, next))
  }

  #answer(label: string, cluster: Cluster<Link>): Registration {
    const owner = this.#claims.get(label)?.[0]
    if (owner === undefined || owner === cluster) return { label, url: this.#options.urlOf(label) }
    return { label, refusal: `taken by cluster ${owner.name}: rename the preview or the environment` }
  }
}

function tell(answers: Answers, { name }: { name: string }, registration: Registration): void {
  const told = answers.get(name)
  if (told === undefined) answers.set(name, [registration])
  else told.push(registration)
}
