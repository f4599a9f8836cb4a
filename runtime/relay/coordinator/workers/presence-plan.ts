import { isDeepStrictEqual } from 'node:util'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import type { KnownCluster } from './load.ts'
import type { KnownWorker } from './rows.ts'

/** What a leader knows of the connection of a worker. */
export interface Connection {
  readonly facts: WorkerFacts
  readonly peerHash: string
  /** The ids of the clusters with a link to it. */
  readonly clusters: ReadonlySet<string>
  /** Whether it has said that its last connection has ended, while it drains. */
  readonly drained: boolean
}

export interface PresenceFacts {
  readonly known: ReadonlyMap<string, KnownWorker>
  /** By worker. Undefined: connected, but has not said what it is. */
  readonly connected: ReadonlyMap<string, Connection | undefined>
  /** Workers that were connected to this leader, with the reason for the end. */
  readonly ended: ReadonlyMap<string, string>
  /** Whether workers that this leader has not seen count as lost. */
  readonly absentAreLost: boolean
  /** Whether a worker that this leader has not seen shows another sign of life. */
  readonly isAlive: (worker: string) => boolean
  readonly clusters: readonly KnownCluster[]
}

/** What is to be written about workers and the clusters at them. */
export interface PresencePlan {
  readonly lost: readonly { readonly worker: KnownWorker; readonly reason: string }[]
  readonly returned: readonly KnownWorker[]
  readonly drained: readonly KnownWorker[]
  readonly changed: readonly { readonly id: string; readonly connection: Connection }[]
  /** Clusters by id, with the workers to which they have links. */
  readonly clusters: readonly { readonly id: string; readonly workers: readonly string[] }[]
}

const NOT_BACK = 'It has not connected to the coordinator that leads now.'
/** Why a drained worker is still there. */
export const DRAINED = 'All its connections have ended.'

/** Plans what the database is to say about workers: only what differs. */
export function planPresence(facts: PresenceFacts): PresencePlan {
  const { known, connected, ended, absentAreLost, isAlive } = facts
  const lost: { worker: KnownWorker; reason: string }[] = []
  const returned: KnownWorker[] = []
  const drained: KnownWorker[] = []
  const changed: { id: string; connection: Connection }[] = []
  for (const worker of known.values()) {
    const { id, state } = worker
    if (!connected.has(id)) {
      const reason = ended.get(id) ?? (absentAreLost && !isAlive(id) ? NOT_BACK : undefined)
      if (state !== 'lost' && reason !== undefined) lost.push({ worker, reason })
      continue
    }
    if (state === 'lost') returned.push(worker)
    const connection = connected.get(id)
    if (connection === undefined) continue
    if (differs(worker, connection)) changed.push({ id, connection })
    if (connection.drained && state === 'draining' && worker.stateReason !== DRAINED) drained.push(worker)
  }
  return {
    lost,
    returned,
    drained,
    changed,
    clusters: planClusters(facts, new Set(lost.map(({ worker }) => worker.id))),
  }
}

export const isNothing = ({ lost, returned, drained, changed, clusters }: PresencePlan): boolean =>
  lost.length + returned.length + drained.length + changed.length + clusters.length === 0

/** A worker that has said which clusters it has is right; of others, the database is, until they are lost. */
function planClusters(
  { known, connected, clusters }: PresenceFacts,
  lost: ReadonlySet<string>,
): { id: string; workers: string[] }[] {
  const wanted = new Map<string, string[]>()
  const add = (cluster: string, worker: string): void => {
    const workers = wanted.get(cluster)
    if (workers === undefined) wanted.set(cluster, [worker])
    else workers.push(worker)
  }
  const before = new Map<string, readonly string[]>()
  for (const { credential, name, workers } of clusters) {
    const id = `${credential} ${name}`
    before.set(id, workers)
    wanted.set(id, [])
    for (const worker of workers) {
      const state = known.get(worker)?.state
      const speaks = connected.get(worker) !== undefined
      if (!speaks && state !== undefined && state !== 'lost' && !lost.has(worker)) add(id, worker)
    }
  }
  for (const [worker, connection] of connected) {
    if (!known.has(worker)) continue
    for (const cluster of connection?.clusters ?? []) add(cluster, worker)
  }
  return [...wanted].flatMap(([id, workers]) => {
    workers.sort()
    const old = before.get(id)
    return old !== undefined && isDeepStrictEqual([...old].sort(), workers) ? [] : [{ id, workers }]
  })
}

function differs(worker: KnownWorker, { facts, peerHash }: Connection): boolean {
  const { backends, ports } = worker
  const before = {
    labels: worker.labels,
    addresses: worker.addresses,
    version: worker.version,
    backends,
    ports,
  }
  const { labels, addresses, version } = facts
  const after = { labels, addresses, version, backends: facts.backends, ports: facts.ports }
  return worker.peerHash !== peerHash || !isDeepStrictEqual(before, after)
}
