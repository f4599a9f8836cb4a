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
  readonly preview: RegisteredPreview
  readonly links: readonly Link[]
}

/** A cluster, its connections, and the labels that it claims. */
export interface Cluster<Link> {
  readonly id: string
  readonly credential: string
  readonly name: string
  /** By seat. */
  readonly members: Map<string, Member<Link>>
  readonly labels: Map<string, Entry<Link>>
  goneAtMs: number
}

/** A label of a cluster: its newest preview, and the connections that serve it. */
export interface Entry<Link> {
  /** Undefined if it is only known from before a restart. */
  preview: RegisteredPreview | undefined
  lookup: Lookup<Link>
  /** When the last connection stopped listing it. Undefined while one lists it. */
  unlistedAtMs: number | undefined
}

/** One connection of a cluster. */
export interface Member<Link> {
  readonly cluster: Cluster<Link>
  readonly instance: string
  /** Its {@link seatOf}. A new connection replaces the previous one with the same seat. */
  readonly seat: string
  readonly link: Link
  readonly previews: Map<string, RegisteredPreview>
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

/** Updates which connections serve a label. */
export function judge<Link>(cluster: Cluster<Link>, label: string, nowMs: number): void {
  const entry = cluster.labels.get(label)
  if (entry === undefined) return
  const links: Link[] = []
  let access: string | undefined
  let listed = false
  for (const member of cluster.members.values()) {
    const preview = member.previews.get(label)
    if (preview === undefined) continue
    listed = true
    if (!member.draining) links.push(member.link)
    // While connections differ, the stricter access applies.
    if (preview.access !== 'public') access = preview.access
  }
  entry.unlistedAtMs = listed ? undefined : (entry.unlistedAtMs ?? nowMs)
  const { name } = cluster
  const { preview } = entry
  if (links.length === 0 || preview === undefined) {
    const { lookup } = entry
    const sinceMs = lookup.state === 'gone' ? lookup.sinceMs : nowMs
    entry.lookup = { state: 'gone', cluster: name, sinceMs }
  } else {
    const strict = access === undefined || access === preview.access ? preview : { ...preview, access }
    entry.lookup = { state: 'live', cluster: name, preview: strict, links }
  }
}
