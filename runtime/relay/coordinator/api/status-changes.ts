import type { Event } from '@branchline/wire/circuits/audit'
import type { Store } from '../store/store.ts'
import type { ApiLimits } from './limits.ts'

/** How far a poll looks back, for changes that were committed late and for clocks that differ. */
const OVERLAP_MS = 10_000

/** A change of a circuit's status, as an event without the id of an audit entry. */
export type StatusEvent = Omit<Event, 'id'>
type Listener = (events: readonly StatusEvent[]) => void

/**
 * Follows the statuses of all circuits while somebody listens. They belong to no epoch, so it reads them at intervals,
 * once for all streams. A status that changes twice in between is one event.
 */
export class StatusChanges {
  readonly #store: Store
  readonly #limits: Pick<ApiLimits, 'statusEveryMs' | 'eventBatch'>
  readonly #listeners = new Set<Listener>()
  /** By circuit: the time of the last change that was read. */
  #seen = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(store: Store, limits: Pick<ApiLimits, 'statusEveryMs' | 'eventBatch'>) {
    this.#store = store
    this.#limits = limits
  }

  /** Resolves once every later change is an event. Returns a function that removes the listener. */
  async listen(listener: Listener): Promise<() => void> {
    if (this.#timer === undefined) await this.#start()
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#stop()
    }
  }

  async #start(): Promise<void> {
    this.#seen = new Map()
    await this.#read(Date.now() - OVERLAP_MS)
    this.#timer ??= setTimeout(() => void this.#poll(), this.#limits.statusEveryMs)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #poll(): Promise<void> {
    // Without the database, statuses do not change. A later poll reads what it missed within the overlap.
    const events = await this.#read(this.#newestMs() - OVERLAP_MS).catch(() => [])
    if (events.length > 0) for (const listener of this.#listeners) listener(events)
    if (this.#timer !== undefined)
      this.#timer = setTimeout(() => void this.#poll(), this.#limits.statusEveryMs)
  }

  #newestMs(): number {
    let newest = 0
    for (const atMs of this.#seen.values()) newest = Math.max(newest, atMs)
    return newest === 0 ? Date.now() : newest
  }

  async #read(sinceMs: number): Promise<StatusEvent[]> {
    const rows = await this.#store.read((db) =>
      db
        .selectFrom('circuits')
        .innerJoin('relay', (join) => join.onTrue())
        .select(['id', 'key', 'status', 'status_reason', 'status_since', 'relay.epoch'])
        .where('status_since', '>', new Date(sinceMs))
        .where('circuits.state', '<>', 'removed')
        .orderBy('status_since')
        .execute(),
    )
    const changed = rows.filter((row) => this.#seen.get(row.id) !== row.status_since.getTime())
    this.#seen = new Map(rows.map((row) => [row.id, row.status_since.getTime()]))
    return changed.map(eventOf)
  }
}

interface StatusRow {
  readonly key: string
  readonly status: NonNullable<Event['status']>
  readonly status_reason: string | null
  readonly status_since: Date
  readonly epoch: number
}

const eventOf = ({ key, status, status_reason, status_since, epoch }: StatusRow): StatusEvent => ({
  at: status_since.toISOString(),
  epoch,
  actor: 'relay',
  action: 'circuit.status',
  kind: 'circuit',
  object: key,
  status,
  ...(status_reason === null ? {} : { statusReason: status_reason }),
})
