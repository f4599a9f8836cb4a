import { isDeepStrictEqual } from 'node:util'
import { diffTables, type EntryOf, type TableDelta } from '@branchline/wire/circuits/delta'
import {
  type DeployedCircuit,
  type DeployedCredential,
  type DeployedSession,
  type DeployedWorker,
  EMPTY_WORKER_TABLE,
  type WorkerTable,
} from '@branchline/wire/circuits/table'
import type { KnownCluster, Loaded } from './load.ts'
import type { KnownWorker, PlacedCircuit } from './rows.ts'

/** What one worker gets. Its parts change in place, so that 10,000 circuits are not copied for each change. */
export interface View {
  readonly worker: string
  readonly table: WorkerTable
}

interface OwnView extends View {
  readonly circuits: Map<string, DeployedCircuit>
  readonly group: string
  readonly labels: Readonly<Record<string, string>>
}

/** The id of a cluster. Neither part contains a space. */
export const clusterId = (credential: string, name: string): string => `${credential} ${name}`

/** Everything that is deployed, and which part of it each worker gets. Pure: it reads no database and has no clock. */
export class Deployment {
  readonly #placed = new Map<string, PlacedCircuit>()
  readonly #credentials = new Map<string, DeployedCredential>()
  readonly #sessions = new Map<string, DeployedSession>()
  readonly #known = new Map<string, KnownWorker>()
  readonly #workers = new Map<string, DeployedWorker>()
  readonly #views = new Map<string, OwnView>()
  /** By host label: the id of the circuit. */
  readonly #labels = new Map<string, string>()
  /** By cluster: the ids of the circuits that it owns. */
  readonly #owned = new Map<string, Set<string>>()
  #clusters: readonly KnownCluster[] = []
  #touched = new Set<string>()

  /** The circuits, by id. */
  get circuits(): ReadonlyMap<string, PlacedCircuit> {
    return this.#placed
  }

  /** The workers that have joined and not left, by id. */
  get workers(): ReadonlyMap<string, KnownWorker> {
    return this.#known
  }

  /** The clusters that have connected, with the workers to which the database says they have links. */
  get clusters(): readonly KnownCluster[] {
    return this.#clusters
  }

  /** What a worker gets. Undefined for a worker that is not known (yet). */
  viewOf(worker: string): View | undefined {
    return this.#views.get(worker)
  }

  /** The circuit with a host label. */
  withLabel(label: string): PlacedCircuit | undefined {
    return this.#placed.get(this.#labels.get(label) ?? '')
  }

  /** The circuits that a cluster owns. */
  ownedBy(cluster: string): PlacedCircuit[] {
    return [...(this.#owned.get(cluster) ?? [])].flatMap((id) => this.#placed.get(id) ?? [])
  }

  /** The ids of all clusters that own a circuit. */
  get owners(): Iterable<string> {
    return this.#owned.keys()
  }

  /** The labels that have come to another circuit, or to none, since the last call. */
  takeTouched(): ReadonlySet<string> {
    const touched = this.#touched
    this.#touched = new Set()
    return touched
  }

  /** Takes what has changed. Returns what that changes for each worker. */
  apply(loaded: Loaded): ReadonlyMap<string, TableDelta> {
    const regrouped = this.#takeWorkers(loaded)
    const shared: MutableDelta = {
      ...replacePart('credentials', this.#credentials, loaded.credentials, loaded.full),
      ...replacePart('sessions', this.#sessions, loaded.sessions, loaded.full),
      ...replacePart('workers', this.#workers, this.#deployedWorkers(), true),
    }
    const deltas = new Map([...this.#views.keys()].map((id) => [id, { ...shared }]))
    this.#takeCircuits(loaded, deltas)
    for (const [id, circuits] of regrouped) {
      const after = { ...EMPTY_WORKER_TABLE, circuits: this.#views.get(id)?.circuits ?? new Map() }
      const change = diffTables({ ...EMPTY_WORKER_TABLE, circuits }, after) ?? {}
      deltas.set(id, { ...shared, ...(change as MutableDelta) })
    }
    for (const [id, delta] of deltas) if (Object.keys(delta).length === 0) deltas.delete(id)
    return deltas
  }

  #takeCircuits({ circuits, full }: Loaded, deltas: ReadonlyMap<string, MutableDelta>): void {
    const gone = full ? [...this.#placed.keys()].filter((id) => !circuits.has(id)) : []
    for (const id of gone) this.#takeCircuit(id, undefined, deltas)
    for (const [id, placed] of circuits) this.#takeCircuit(id, placed, deltas)
  }

  #takeCircuit(id: string, next: PlacedCircuit | undefined, deltas: ReadonlyMap<string, MutableDelta>): void {
    const before = this.#placed.get(id)
    const circuit =
      next !== undefined && isDeepStrictEqual(next.circuit, before?.circuit) ? before?.circuit : next?.circuit
    const placed = next === undefined || circuit === undefined ? undefined : { ...next, circuit }
    this.#index(id, before, placed)
    for (const view of this.#views.values()) {
      const old = view.circuits.get(id)
      const visible = placed !== undefined && isFor(placed, view) ? placed.circuit : undefined
      if (old === visible) continue
      const part = ((deltas.get(view.worker) as MutableDelta).circuits ??= {})
      if (visible === undefined) {
        view.circuits.delete(id)
        ;(part.remove ??= []).push(id)
      } else {
        view.circuits.set(id, visible)
        ;(part.upsert ??= []).push(visible)
      }
    }
  }

  #index(id: string, before: PlacedCircuit | undefined, placed: PlacedCircuit | undefined): void {
    for (const label of labelsOf(before)) {
      if (this.#labels.get(label) !== id) continue
      this.#labels.delete(label)
      if (placed === undefined) this.#touched.add(label)
    }
    for (const label of labelsOf(placed)) {
      this.#labels.set(label, id)
      if (before === undefined) this.#touched.add(label)
    }
    const owner = ownerOf(before)
    if (owner !== undefined) this.#disown(owner, id)
    const next = ownerOf(placed)
    if (next !== undefined) this.#owned.set(next, (this.#owned.get(next) ?? new Set()).add(id))
    if (placed === undefined) this.#placed.delete(id)
    else this.#placed.set(id, placed)
  }

  #disown(owner: string, id: string): void {
    const owned = this.#owned.get(owner)
    owned?.delete(id)
    if (owned?.size === 0) this.#owned.delete(owner)
  }

  /** Returns the circuits before of each worker that has another group or other labels. */
  #takeWorkers({ workers, clusters, full }: Loaded): ReadonlyMap<string, WorkerTable['circuits']> {
    const regrouped = new Map<string, WorkerTable['circuits']>()
    if (clusters !== undefined) this.#clusters = clusters
    const gone = full ? [...this.#known.keys()].filter((id) => !workers.has(id)) : []
    for (const [id, worker] of [...gone.map((id) => [id, undefined] as const), ...workers]) {
      if (worker === undefined) {
        this.#known.delete(id)
        this.#views.delete(id)
        continue
      }
      this.#known.set(id, worker)
      const before = this.#views.get(id)
      if (before?.group === worker.group && isDeepStrictEqual(before.labels, worker.labels)) continue
      this.#views.set(id, this.#makeView(worker))
      if (before !== undefined) regrouped.set(id, before.circuits)
    }
    return regrouped
  }

  #makeView({ id, group, labels }: KnownWorker): OwnView {
    const circuits = new Map<string, DeployedCircuit>()
    for (const placed of this.#placed.values())
      if (isFor(placed, { group, labels })) circuits.set(placed.circuit.id, placed.circuit)
    const [credentials, sessions, workers] = [this.#credentials, this.#sessions, this.#workers]
    return { worker: id, group, labels, circuits, table: { circuits, credentials, sessions, workers } }
  }

  #deployedWorkers(): Map<string, DeployedWorker> {
    const clusters = new Map<string, string[]>()
    for (const { credential, name, workers } of this.#clusters)
      for (const id of workers) {
        const known = clusters.get(id)
        if (known === undefined) clusters.set(id, [clusterId(credential, name)])
        else known.push(clusterId(credential, name))
      }
    return new Map(
      [...this.#known.values()].map(({ id, name, group, state, addresses, peerHash }) => {
        const its = (clusters.get(id) ?? []).sort()
        const worker = { id, name, group, state, addresses, clusters: its }
        return [id, { ...worker, ...(peerHash !== undefined && { peerHash }) }]
      }),
    )
  }
}

type MutablePart<T> = { upsert?: T[]; remove?: string[] }
type MutableDelta = { -readonly [P in keyof TableDelta]: MutablePart<EntryOf<P>> }

/** Changes a part in place. Returns the change as that part of a delta. */
function replacePart<P extends keyof TableDelta>(
  name: P,
  part: Map<string, EntryOf<P>>,
  changed: ReadonlyMap<string, EntryOf<P> | undefined>,
  full: boolean,
): MutableDelta {
  const upsert: EntryOf<P>[] = []
  const remove = full ? [...part.keys()].filter((key) => !changed.has(key)) : []
  for (const key of remove) part.delete(key)
  for (const [key, value] of changed) {
    if (value === undefined) {
      if (part.delete(key)) remove.push(key)
    } else if (!isDeepStrictEqual(part.get(key), value)) {
      part.set(key, value)
      upsert.push(value)
    }
  }
  if (upsert.length + remove.length === 0) return {}
  return { [name]: { ...(upsert.length > 0 && { upsert }), ...(remove.length > 0 && { remove }) } }
}

/** Whether a worker serves a circuit: it is of its group and has all labels of its selector. */
const isFor = ({ group, selector }: PlacedCircuit, worker: Pick<KnownWorker, 'group' | 'labels'>): boolean =>
  group === worker.group && Object.entries(selector).every(([name, value]) => worker.labels[name] === value)

/** Host labels. Further hosts are complete names, with dots. */
function labelsOf(placed: PlacedCircuit | undefined): string[] {
  const frontend = placed?.circuit.frontend
  return frontend?.type === 'subdomain' ? frontend.hosts.filter((host) => !host.includes('.')) : []
}

function ownerOf(placed: PlacedCircuit | undefined): string | undefined {
  const owner = placed?.circuit.owner
  return owner?.type === 'cluster' ? clusterId(owner.credential, owner.cluster) : undefined
}
