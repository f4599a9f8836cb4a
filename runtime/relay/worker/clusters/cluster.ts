import type { RegisteredPreview } from '@branchline/wire/tunnel/control'

/** What a host label stands for. The same object until something about it changes. */
export type Lookup<Link> =
  | { readonly state: 'unknown' }
  /** A cluster owns the label, and none of its connections serves it now. */
  | Gone
  | Live<Link>

export interface Gone {
  readonly state: 'gone'
  readonly cluster: string
  /** Since when; undefined where no connection has served it since the relay started. */
  readonly sinceMs: number | undefined
}

/** A label that is served. Each of `links` reaches the preview. */
export interface Live<Link> {
  readonly state: 'live'
  readonly cluster: string
  readonly preview: RegisteredPreview
  readonly links: readonly Link[]
}

/** A cluster, its connections, and the labels that it wants. */
export interface Cluster<Link> {
  readonly id: string
  readonly credential: string
  readonly name: string
  /** By seat. */
  readonly members: Map<string, Member<Link>>
  readonly labels: Map<string, Entry<Link>>
  goneAtMs: number
}

/** A label of a cluster: the newest preview of that label, and who serves it. */
export interface Entry<Link> {
  /** Undefined where it is known from before a restart alone. */
  preview: RegisteredPreview | undefined
  lookup: Lookup<Link>
  /** Since when no connection lists it. */
  unlistedAtMs: number | undefined
}

/** One connection of a cluster. */
export interface Member<Link> {
  readonly cluster: Cluster<Link>
  readonly instance: string
  /** {@link seatOf} it: a connection replaces the one before it on its seat. */
  readonly seat: string
  readonly link: Link
  readonly previews: Map<string, RegisteredPreview>
  /** It has told all that it has. */
  complete: boolean
  draining: boolean
}

/** Neither part has a space. */
export const idOf = (credential: string, cluster: string): string => `${credential} ${cluster}`

/** What tells a connection from the others of its cluster. The instance has no space. */
export const seatOf = (instance: string, link: number): string => `${instance} ${link}`

/** Whether all connections have told all that they have: what none of them lists is given up then. */
export function isSettled<Link>({ members }: Cluster<Link>): boolean {
  for (const { complete } of members.values()) if (!complete) return false
  return true
}

export function isListed<Link>({ members }: Cluster<Link>, label: string): boolean {
  for (const { previews } of members.values()) if (previews.has(label)) return true
  return false
}

/** Finds out again who serves a label. */
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
    // While connections differ, the stricter one counts.
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
