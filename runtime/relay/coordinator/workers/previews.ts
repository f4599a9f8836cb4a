import type { CoordinatorNotice, PreviewResult } from '@branchline/wire/circuits/messages'
import { LISTING_PAGE } from '@branchline/wire/circuits/protocol'
import { Backoff } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { requireTerm } from '../leader/term.ts'
import type { Store } from '../store/store.ts'
import { clusterId, type Deployment } from './deployment.ts'
import { pause } from '../../../process/pause.ts'
import type { WorkersLimits } from './limits.ts'
import { Listings } from './listings.ts'
import { isListed, type PreviewFacts, type PreviewLimits, planPreviews } from './preview-plan.ts'
import { writePlan } from './preview-writes.ts'

export interface PreviewsOptions {
  readonly store: Store
  readonly term: number
  readonly deployment: Deployment
  readonly limits: WorkersLimits
  readonly previewLimits: PreviewLimits
  readonly logger: Logger
  readonly urlOf: (label: string) => string
  /** Whether all workers are back, and the credentials of clusters that they know. */
  readonly allBack: () => boolean
  readonly isKnown: (credential: string) => boolean
  /** The group whose workers serve the circuits of a cluster. */
  readonly groupOf: (workers: readonly string[]) => string
  /** Resolves when the workers have been sent an epoch. */
  readonly published: (epoch: number) => Promise<void>
  readonly send: (worker: string, notice: CoordinatorNotice) => void
}

/**
 * Keeps the circuits of clusters equal to what they list. It works through what is dirty, one transaction at a time, and
 * tries again while the database does not respond.
 */
export class Previews {
  readonly listings = new Listings()
  readonly #options: PreviewsOptions
  readonly #startedAtMs = performance.now()
  /** By cluster: the labels to judge. What it no longer lists is always judged. */
  #dirty = new Map<string, Set<string>>()
  readonly #unlistedSinceMs = new Map<string, number>()
  #conflicts = new Set<string>()
  #running: Promise<void> | undefined
  #stopped = new AbortController()
  readonly #sweep: NodeJS.Timeout

  constructor(options: PreviewsOptions) {
    this.#options = options
    const everyMs = Math.max(10, Math.min(60_000, options.previewLimits.goneMs / 4))
    this.#sweep = setInterval(() => this.judgeAll(), everyMs)
  }

  /** Judges some labels of a cluster, and what it no longer lists. */
  judge(cluster: string, labels: Iterable<string> = []): void {
    const dirty = this.#dirty.get(cluster) ?? new Set()
    for (const label of labels) dirty.add(label)
    this.#dirty.set(cluster, dirty)
    this.#running ??= this.#run()
  }

  /** Judges what all clusters no longer list. */
  judgeAll(): void {
    for (const cluster of new Set([...this.#options.deployment.owners, ...this.listings.clusters]))
      this.judge(cluster)
  }

  /** Other circuits have these labels now, or none has. */
  touched(labels: Iterable<string>): void {
    for (const label of labels) {
      this.#conflicts.delete(label)
      for (const cluster of this.listings.clusters)
        if (this.listings.has(cluster, label)) this.judge(cluster, [label])
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweep)
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { logger, limits, published } = this.#options
    const backoff = new Backoff(limits.retry)
    // The caller's turn first: several messages often arrive together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#dirty.size > 0 && !this.#stopped.signal.aborted) {
      const dirty = this.#dirty
      this.#dirty = new Map()
      try {
        const epoch = await this.#write(dirty)
        if (epoch !== undefined) await published(epoch)
        for (const [cluster, labels] of dirty) this.#answer(cluster, labels)
        backoff.reset()
      } catch (error) {
        for (const [cluster, labels] of dirty) {
          const again = this.#dirty.get(cluster)
          this.#dirty.set(cluster, new Set([...labels, ...(again ?? [])]))
        }
        logger.warn({ err: error }, 'previews could not be written, trying again')
        await pause(backoff.nextMs(), this.#stopped.signal)
      }
    }
    this.#running = undefined
  }

  /** Returns the epoch of the change. Undefined if nothing was to be changed. */
  async #write(dirty: ReadonlyMap<string, ReadonlySet<string>>): Promise<number | undefined> {
    const { store, term, limits, groupOf } = this.#options
    const facts = this.#facts(dirty.keys())
    const plans = [...dirty].flatMap(([id, labels]) => {
      const cluster = nameOf(id)
      const plan = planPreviews(cluster, labels, facts)
      return plan.create.length + plan.update.length + plan.remove.length === 0 ? [] : [plan]
    })
    if (plans.length === 0) return undefined
    const actor = plans.map(({ credential, name }) => `cluster:${credential}/${name}`).join(',')
    const { epoch, value } = await store.change({ actor: actor.slice(0, 1_000) }, async (change) => {
      await requireTerm(change.tx, term)
      const conflicts: string[] = []
      for (const plan of plans) {
        const workers = this.listings.workersOf(clusterId(plan.credential, plan.name))
        conflicts.push(...(await writePlan(change, plan, groupOf(workers), limits.batch)))
      }
      return conflicts
    })
    for (const label of value) this.#conflicts.add(label)
    return epoch
  }

  #facts(clusters: Iterable<string>): PreviewFacts {
    const { deployment, previewLimits: limits, allBack, isKnown } = this.#options
    const nowMs = performance.now()
    for (const cluster of clusters)
      for (const { circuit } of deployment.ownedBy(cluster)) {
        if (isListed(this.listings, cluster, circuit.frontend)) this.#unlistedSinceMs.delete(circuit.id)
        else if (!this.#unlistedSinceMs.has(circuit.id))
          this.#unlistedSinceMs.set(circuit.id, this.#unlistedSince(cluster, nowMs))
      }
    for (const id of this.#unlistedSinceMs.keys())
      if (!deployment.circuits.has(id)) this.#unlistedSinceMs.delete(id)
    const [unlistedSinceMs, conflicts] = [this.#unlistedSinceMs, this.#conflicts]
    const { listings } = this
    return {
      deployment,
      listings,
      limits,
      allBack: allBack(),
      isKnown,
      unlistedSinceMs,
      conflicts,
      nowMs,
    }
  }

  /** A cluster that has not connected since this leader started counts as gone since then. */
  #unlistedSince(cluster: string, nowMs: number): number {
    if (this.listings.isConnected(cluster)) return nowMs
    return this.listings.goneSinceMs(cluster) ?? this.#startedAtMs
  }

  #answer(id: string, labels: ReadonlySet<string>): void {
    if (labels.size === 0) return
    const { send, urlOf } = this.#options
    const cluster = nameOf(id)
    const { refused } = planPreviews(cluster, labels, this.#facts([]))
    const results: PreviewResult[] = []
    for (const label of labels) {
      if (!this.listings.has(id, label)) continue
      const refusal = refused.get(label)
      if (refusal !== undefined) results.push({ label, refusal })
      else if (this.#isOwn(cluster, label)) results.push({ label, url: urlOf(label) })
      // Another change came between. It is judged once more.
      else this.judge(id, [label])
    }
    for (const worker of this.listings.workersOf(id)) {
      for (let start = 0; start < results.length; start += LISTING_PAGE) {
        const page = results.slice(start, start + LISTING_PAGE)
        send(worker, {
          type: 'previews',
          credential: cluster.credential,
          cluster: cluster.name,
          results: page,
        })
      }
    }
  }

  #isOwn({ credential, name }: { credential: string; name: string }, label: string): boolean {
    const owner = this.#options.deployment.withLabel(label)?.circuit.owner
    return owner?.type === 'cluster' && owner.credential === credential && owner.cluster === name
  }
}

function nameOf(cluster: string): { credential: string; name: string } {
  const space = cluster.indexOf(' ')
  return { credential: cluster.slice(0, space), name: cluster.slice(space + 1) }
}
