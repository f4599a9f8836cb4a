import type { ListedPreview, WorkerReport } from '@branchline/wire/circuits/messages'
import { clusterId } from './deployment.ts'

type Listing = Extract<WorkerReport, { type: 'listing' }>

/** What the links of a cluster list at one worker. */
interface AtWorker {
  readonly previews: Map<string, { readonly preview: ListedPreview; readonly at: number }>
  complete: boolean
  settled: boolean
}

/** A cluster, and the workers to which it has links. */
interface Listed {
  readonly credential: string
  readonly name: string
  readonly workers: Map<string, AtWorker>
  /** Since when it has no link. */
  goneAtMs: number
}

/**
 * The previews that clusters list, over all workers. While workers differ about a preview, the newest one applies, but
 * with the stricter access. Pure: it has no clock.
 */
export class Listings {
  readonly #clusters = new Map<string, Listed>()
  #turn = 0

  /** The ids of the clusters that have connected since this leader started. */
  get clusters(): Iterable<string> {
    return this.#clusters.keys()
  }

  nameOf(cluster: string): Pick<Listed, 'credential' | 'name'> | undefined {
    return this.#clusters.get(cluster)
  }

  /** The workers to which a cluster has links. */
  workersOf(cluster: string): string[] {
    return [...(this.#clusters.get(cluster)?.workers.keys() ?? [])]
  }

  /** Takes a message of a worker. Returns the cluster. */
  list(
    worker: string,
    { credential, cluster: name, upsert, remove, more = false, settled }: Listing,
  ): string {
    const id = clusterId(credential, name)
    const listed: Listed = this.#clusters.get(id) ?? { credential, name, workers: new Map(), goneAtMs: 0 }
    this.#clusters.set(id, listed)
    const here: AtWorker = listed.workers.get(worker) ?? {
      previews: new Map(),
      complete: false,
      settled: false,
    }
    listed.workers.set(worker, here)
    for (const label of remove) here.previews.delete(label)
    for (const preview of upsert) here.previews.set(preview.label, { preview, at: this.#turn++ })
    here.complete ||= !more
    here.settled = settled
    return id
  }

  /** The last link of a cluster to a worker has ended. */
  unlist(worker: string, cluster: string, nowMs: number): void {
    const listed = this.#clusters.get(cluster)
    if (listed?.workers.delete(worker) === true) listed.goneAtMs = nowMs
  }

  /** The worker is gone, or connects again: it names its clusters again. Returns the clusters that it had. */
  forget(worker: string, nowMs: number): string[] {
    const had = [...this.#clusters].filter(([, { workers }]) => workers.has(worker)).map(([id]) => id)
    for (const id of had) this.unlist(worker, id, nowMs)
    return had
  }

  /** The cluster is no longer remembered. */
  drop(cluster: string): void {
    this.#clusters.delete(cluster)
  }

  isConnected(cluster: string): boolean {
    return (this.#clusters.get(cluster)?.workers.size ?? 0) > 0
  }

  /** Since when a cluster has no link. Undefined if it has one, or has not connected since this leader started. */
  goneSinceMs(cluster: string): number | undefined {
    const listed = this.#clusters.get(cluster)
    return listed === undefined || listed.workers.size > 0 ? undefined : listed.goneAtMs
  }

  /** Whether every link of a connected cluster has listed all. Then it gives up labels that none of them lists. */
  isSettled(cluster: string): boolean {
    const workers = [...(this.#clusters.get(cluster)?.workers.values() ?? [])]
    return workers.length > 0 && workers.every(({ complete, settled }) => complete && settled)
  }

  /** Whether a label is listed by a cluster. */
  has(cluster: string, label: string): boolean {
    for (const { previews } of this.#clusters.get(cluster)?.workers.values() ?? [])
      if (previews.has(label)) return true
    return false
  }

  /** What a cluster lists for a label. */
  get(cluster: string, label: string): ListedPreview | undefined {
    let newest: { readonly preview: ListedPreview; readonly at: number } | undefined
    let strict: string | undefined
    for (const { previews } of this.#clusters.get(cluster)?.workers.values() ?? []) {
      const listed = previews.get(label)
      if (listed === undefined) continue
      if (newest === undefined || listed.at > newest.at) newest = listed
      if (listed.preview.access !== 'public') strict = listed.preview.access
    }
    if (newest === undefined || strict === undefined) return newest?.preview
    return newest.preview.access === 'public' ? { ...newest.preview, access: strict } : newest.preview
  }

  /** All labels that a cluster lists. */
  labelsOf(cluster: string): Set<string> {
    const labels = new Set<string>()
    for (const { previews } of this.#clusters.get(cluster)?.workers.values() ?? [])
      for (const label of previews.keys()) labels.add(label)
    return labels
  }
}
