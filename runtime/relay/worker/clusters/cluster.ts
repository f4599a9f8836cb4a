import type { RegisteredPreview } from '@branchline/wire/tunnel/control'

/** The meaning of a host label. The same object until something about it changes. */
export type Lookup<Link> =
  | { readonly state: 'unknown' }
  /** A cluster owns the label, but none of its connections serves it now. */
  | Gone
  | Live<Link>

interface Gone {
  readonly state: 'gone'
  readonly cluster: string
  /** When that began. Undefined if no connection has served it since the relay started. */
  readonly sinceMs: number | undefined
}

/** A label that is served. Each of `links` reaches the preview. */
export interface Live<Link> {
  readonly state: 'live'
  readonly cluster: string
  /** Undefined if they do not serve a preview, but any service of the cluster. */
  readonly preview?: RegisteredPreview
  readonly links: readonly Link[]
}

/** A cluster, its connections, and the labels that they list or have listed. */
export interface Cluster<Link> {
  readonly id: string
  readonly credential: string
  readonly name: string
  /** By seat. */
  readonly members: Map<string, Member<Link>>
  readonly labels: Map<string, Entry<Link>>
  /** The labels that the coordinator has been told, until the cluster gives them up or has no connection. */
  readonly reported: Set<string>
  /** By label: why the coordinator refuses it. */
  readonly refusals: Map<string, string>
  /** The result of {@link allOf}. */
  all?: Lookup<Link>
  goneAtMs: number
}

/** All links of a cluster that take streams. The same object while they are the same. */
export function allOf<Link>(cluster: Cluster<Link>): Lookup<Link> {
  const links = [...cluster.members.values()].filter(({ draining }) => !draining).map(({ link }) => link)
  if (links.length === 0) return { state: 'gone', cluster: cluster.name, sinceMs: cluster.goneAtMs }
  const known = cluster.all
  if (known?.state === 'live' && isSameList(known.links, links)) return known
  return (cluster.all = { state: 'live', cluster: cluster.name, links })
}

const isSameList = <T>(one: readonly T[], two: readonly T[]): boolean =>
  one.length === two.length && one.every((it, index) => it === two[index])

/** A label of a cluster: its newest preview, and the connections that serve it. */
interface Entry<Link> {
  /** The newest preview of any connection, with the strictest access of all. */
  preview: RegisteredPreview
  lookup: Lookup<Link>
}

/** One connection of a cluster. */
export interface Member<Link> {
  readonly cluster: Cluster<Link>
  readonly instance: string
  /** Its {@link seatOf}. A new connection replaces the previous one with the same seat. */
  readonly seat: string
  readonly link: Link
  readonly previews: Map<string, RegisteredPreview>
  /** By listed label: the result that it was told. Without an entry, there is none yet. */
  readonly told: Map<string, string>
  /** Whether it has listed all its previews. */
  complete: boolean
  draining: boolean
}

/** The id of a cluster. Neither part contains a space. */
export const idOf = (credential: string, cluster: string): string => `${credential} ${cluster}`

/** The id of a connection within its cluster. The instance contains no space. */
export const seatOf = (instance: string, link: number): string => `${instance} ${link}`

/** Whether all connections have listed all their previews. Then the cluster gives up labels that none of them lists. */
export function isSettled<Link>({ members }: Cluster<Link>): boolean {
  for (const { complete } of members.values()) if (!complete) return false
  return true
}

export function isListed<Link>({ members }: Cluster<Link>, label: string): boolean {
  for (const { previews } of members.values()) if (previews.has(label)) return true
  return false
}

/** Updates which connections serve a label, after one of them has listed `newest` or something else has changed. */
export function judge<Link>(
  cluster: Cluster<Link>,
  label: string,
  nowMs: number,
  newest?: RegisteredPreview,
): void {
  const known = cluster.labels.get(label)
  const preview = newest ?? known?.preview
  if (preview === undefined) return
  const links: Link[] = []
  let access: string | undefined
  for (const member of cluster.members.values()) {
    const listed = member.previews.get(label)
    if (listed === undefined) continue
    if (!member.draining) links.push(member.link)
    // While connections differ, the stricter access applies.
    if (listed.access !== 'public') access = listed.access
  }
  const { name } = cluster
  const strict = access === undefined || access === preview.access ? preview : { ...preview, access }
  const lookup: Lookup<Link> =
    links.length > 0
      ? { state: 'live', cluster: name, preview: strict, links }
      : goneSince(known, name, nowMs)
  cluster.labels.set(label, { preview: strict, lookup })
}

function goneSince<Link>(known: Entry<Link> | undefined, cluster: string, nowMs: number): Gone {
  const sinceMs = known?.lookup.state === 'gone' ? known.lookup.sinceMs : nowMs
  return { state: 'gone', cluster, sinceMs }
}
