import { isDeepStrictEqual } from 'node:util'
import type { AccessRule } from '@branchline/wire/circuits/access'
import type { Backend } from '@branchline/wire/circuits/circuit'
import type { ListedPreview } from '@branchline/wire/circuits/messages'
import type { ClusterTarget } from '@branchline/wire/circuits/table'
import { clusterId, type Deployment } from './deployment.ts'
import type { Listings } from './listings.ts'
import type { PlacedCircuit } from './rows.ts'

/** How many previews clusters may have, and how long they keep them. */
export interface PreviewLimits {
  /** The maximum labels of one cluster. More are refused. */
  readonly labels: number
  /** The maximum labels of all clusters of one credential. More are refused. */
  readonly credentialLabels: number
  /** The maximum clusters of one credential, connected or remembered. */
  readonly clusters: number
  /** How long a cluster keeps a label that none of its links lists. */
  readonly goneMs: number
}

/** What the plan of a cluster's previews depends on. */
export interface PreviewFacts {
  readonly deployment: Deployment
  readonly listings: Listings
  readonly limits: PreviewLimits
  /** Whether all workers are back after a change of the leader. Before that, nothing is released early. */
  readonly allBack: boolean
  /** Whether clusters with this credential may still connect. */
  readonly isKnown: (credential: string) => boolean
  /** By circuit: since when no link lists it. */
  readonly unlistedSinceMs: ReadonlyMap<string, number>
  /** Labels whose circuit could not be made, because another circuit has its key. */
  readonly conflicts: ReadonlySet<string>
  readonly nowMs: number
}

/** A cluster, by its two names. */
export interface ClusterName {
  readonly credential: string
  readonly name: string
}

/** What leads from the circuits of a cluster to what it lists. */
export interface PreviewPlan extends ClusterName {
  readonly create: readonly ListedPreview[]
  readonly update: readonly { readonly placed: PlacedCircuit; readonly preview: ListedPreview }[]
  readonly remove: readonly PlacedCircuit[]
  /** By label: why it is refused. */
  readonly refused: ReadonlyMap<string, string>
}

/** Plans the circuits of one cluster, for some of the labels that it lists. What it no longer lists is always judged. */
export function planPreviews(
  cluster: ClusterName,
  labels: Iterable<string>,
  facts: PreviewFacts,
): PreviewPlan {
  const { deployment, listings } = facts
  const id = clusterId(cluster.credential, cluster.name)
  const create: ListedPreview[] = []
  const update: { placed: PlacedCircuit; preview: ListedPreview }[] = []
  const refused = new Map<string, string>()
  const room = roomOf(cluster, facts)
  for (const label of labels) {
    const preview = listings.get(id, label)
    if (preview === undefined) continue
    const placed = deployment.withLabel(label)
    if (placed === undefined) {
      const refusal = facts.conflicts.has(label)
        ? inUse(label)
        : create.length < room.left
          ? undefined
          : room.refusal
      if (refusal !== undefined) refused.set(label, refusal)
      else create.push(preview)
    } else if (isOwner(placed, cluster)) {
      if (!isSame(placed, cluster, preview)) update.push({ placed, preview })
    } else refused.set(label, takenBy(placed, cluster))
  }
  return { ...cluster, create, update, refused, remove: removals(id, cluster, facts) }
}

function removals(id: string, { credential }: ClusterName, facts: PreviewFacts): PlacedCircuit[] {
  const { deployment, listings, limits, allBack, isKnown, unlistedSinceMs, nowMs } = facts
  const owned = deployment.ownedBy(id).filter(({ circuit }) => !isListed(listings, id, circuit.frontend))
  if (allBack && !isKnown(credential)) return owned
  if (allBack && listings.isSettled(id)) return owned
  return owned.filter(({ circuit }) => nowMs - (unlistedSinceMs.get(circuit.id) ?? nowMs) >= limits.goneMs)
}

/** Whether a cluster lists the label of a circuit. */
export function isListed(
  listings: Listings,
  cluster: string,
  frontend: PlacedCircuit['circuit']['frontend'],
): boolean {
  return frontend.type === 'subdomain' && frontend.hosts.some((host) => listings.has(cluster, host))
}

/** How many further labels a cluster may have, and the refusal of more. */
function roomOf(
  { credential, name }: ClusterName,
  { deployment, limits }: PreviewFacts,
): { readonly left: number; readonly refusal: string } {
  const own = deployment.ownedBy(clusterId(credential, name)).length
  let all = 0
  let clusters = 0
  for (const owner of deployment.owners) {
    if (!owner.startsWith(`${credential} `)) continue
    all += deployment.ownedBy(owner).length
    if (owner !== clusterId(credential, name)) clusters++
  }
  if (clusters >= limits.clusters) {
    return { left: 0, refusal: `this credential has ${limits.clusters} clusters, which is the limit` }
  }
  const left = limits.labels - own
  const leftOfAll = limits.credentialLabels - all
  return left <= leftOfAll
    ? { left, refusal: `the cluster already has ${limits.labels} previews here: remove some` }
    : {
        left: leftOfAll,
        refusal: `all clusters of this credential have ${limits.credentialLabels} previews here: remove some`,
      }
}

/** The target of a preview's circuit. */
export const targetOf = (
  { credential, name }: ClusterName,
  { environment, service, port, key }: ListedPreview,
): ClusterTarget => ({ credential, name, environment, service, port, key })

/** The access of a preview's circuit. A kind that this version does not know is the strictest one. */
export function accessOf({ access }: ListedPreview): AccessRule {
  return { type: access === 'public' || access === 'organization' ? access : 'token' }
}

/** The backend of a preview's circuit. */
export const backendOf = ({ protocol }: ListedPreview): Backend =>
  protocol === 'http2' || protocol === 'grpc' ? 'h2' : 'http'

function isOwner({ circuit }: PlacedCircuit, { credential, name }: ClusterName): boolean {
  const { owner } = circuit
  return owner.type === 'cluster' && owner.credential === credential && owner.cluster === name
}

function isSame({ circuit }: PlacedCircuit, cluster: ClusterName, preview: ListedPreview): boolean {
  const [target] = circuit.targets
  return (
    isDeepStrictEqual(target?.cluster, targetOf(cluster, preview)) &&
    circuit.access.type === accessOf(preview).type &&
    circuit.backend === backendOf(preview)
  )
}

function takenBy({ circuit: { owner, key } }: PlacedCircuit, { name }: ClusterName): string {
  if (owner.type === 'key') return `taken by the circuit ${key}: rename the preview or the environment`
  const holder =
    owner.cluster === name ? `another cluster named ${owner.cluster}` : `cluster ${owner.cluster}`
  return `taken by ${holder}: rename the preview or the environment`
}

const inUse = (label: string): string =>
  `taken by the circuit ${keyOf(label)}: rename the preview or the environment`

/** The key of a preview's circuit. */
export const keyOf = (label: string): string => `preview/${label}`
