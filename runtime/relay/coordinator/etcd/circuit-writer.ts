import type { Deployment } from '@branchline/wire/circuits/delta'
import { ETCD_TABLE_RANGE } from '@branchline/wire/circuits/etcd'
import type { EtcdClient } from '../../../etcd/client.ts'
import { newestOf, readRange } from '../../../etcd/range.ts'
import type { Write } from '../../../etcd/transaction.ts'
import { Backoff } from '../../../process/backoff.ts'
import type { Logger } from '../../../process/log.ts'
import { pause } from '../../../process/pause.ts'
import type { Loaded } from '../workers/load.ts'
import type { PlacedCircuit } from '../workers/rows.ts'
import { Claim } from './claim.ts'
import { keyOf, planAll, planTransactions, valueOf } from './plan.ts'

export interface CircuitWriterOptions {
  readonly client: EtcdClient
  readonly instance: string
  readonly term: number
  /** All circuits, by id. */
  readonly circuits: () => ReadonlyMap<string, PlacedCircuit>
  readonly logger: Logger
}

/**
 * Keeps the circuits in etcd equal to those of the coordinator that leads. It writes what has changed. After a failure,
 * whose outcome it does not know, it compares everything. It ends where another leader has claimed etcd.
 */
export class CircuitWriter {
  readonly #options: CircuitWriterOptions
  readonly #claim: Claim
  readonly #stopped = new AbortController()
  /** By id: the key in etcd. */
  readonly #keys = new Map<string, string>()
  #dirty = new Set<string>()
  #isAllDirty = true
  #epoch: number | undefined
  #running: Promise<void> | undefined
  #isDown = false
  readonly #timer: NodeJS.Timeout

  constructor(options: CircuitWriterOptions) {
    this.#options = options
    const { client, instance, term } = options
    this.#claim = new Claim(client, { instance, term })
    this.#timer = setInterval(() => void this.#verify(), client.limits.checkMs)
  }

  /** Circuits have changed, up to an epoch. */
  changed(epoch: number, { full, circuits }: Pick<Loaded, 'full' | 'circuits'>): void {
    this.#epoch = epoch
    if (full) this.#isAllDirty = true
    else for (const id of circuits.keys()) this.#dirty.add(id)
    this.#write()
  }

  /** Writes nothing more. What etcd has stays. */
  async stop(): Promise<void> {
    this.#end()
    await this.#running
  }

  #end(): void {
    clearInterval(this.#timer)
    this.#stopped.abort()
  }

  #write(): void {
    if (this.#stopped.signal.aborted || this.#epoch === undefined) return
    if (this.#isAllDirty || this.#dirty.size > 0) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    const { client, logger } = this.#options
    const { signal } = this.#stopped
    const backoff = new Backoff(client.limits.retry)
    while ((this.#isAllDirty || this.#dirty.size > 0) && !signal.aborted) {
      try {
        await (this.#isAllDirty ? this.#writeAll() : this.#writeDirty())
        if (this.#isDown) logger.info('etcd has all circuits again')
        this.#isDown = false
        backoff.reset()
      } catch (error) {
        this.#isAllDirty = true
        if (signal.aborted) break
        if (!this.#isDown) logger.warn({ err: error }, 'circuits could not be written to etcd, trying again')
        this.#isDown = true
        await pause(backoff.nextMs(), signal)
      }
    }
    this.#running = undefined
  }

  async #writeAll(): Promise<void> {
    const { client, circuits, logger } = this.#options
    const { signal } = this.#stopped
    const refusal = await this.#claim.take(signal)
    if (refusal !== undefined) {
      logger.warn({ reason: refusal }, 'this coordinator does not write to etcd any more')
      this.#end()
      return
    }
    const { entries } = await readRange(client, ETCD_TABLE_RANGE, signal)
    const deployment = this.#deployment()
    const writes = planAll(entries, circuits(), deployment)
    this.#isAllDirty = false
    this.#dirty = new Set()
    this.#keys.clear()
    for (const [id, { circuit }] of circuits()) this.#keys.set(id, keyOf(circuit.key))
    await this.#transact(writes, deployment)
    logger.info({ ...deployment, changed: writes.length }, 'etcd has all circuits')
  }

  async #writeDirty(): Promise<void> {
    const deployment = this.#deployment()
    const circuits = this.#options.circuits()
    const dirty = this.#dirty
    this.#dirty = new Set()
    // By key: one that is gone and another one may have the same, and etcd refuses a key twice in a transaction.
    const writes = new Map<string, Write>()
    for (const id of dirty) {
      const key = this.#keys.get(id)
      if (key !== undefined) writes.set(key, { key })
      this.#keys.delete(id)
    }
    for (const id of dirty) {
      const placed = circuits.get(id)
      if (placed === undefined) continue
      const key = keyOf(placed.circuit.key)
      this.#keys.set(id, key)
      writes.set(key, { key, value: JSON.stringify(valueOf(placed, deployment)) })
    }
    await this.#transact([...writes.values()], deployment)
  }

  async #transact(writes: readonly Write[], deployment: Deployment): Promise<void> {
    for (const batch of planTransactions(writes, deployment)) {
      if (await this.#claim.write(batch, this.#stopped.signal)) continue
      // Another leader, or etcd has lost its data: the claim tells.
      this.#isAllDirty = true
      return
    }
  }

  #deployment(): Deployment {
    const { instance, term } = this.#options
    return { instance, term, epoch: this.#epoch ?? 0 }
  }

  /** Writes again what etcd has lost. */
  async #verify(): Promise<void> {
    if (this.#running !== undefined || this.#epoch === undefined) return
    const { client } = this.#options
    const { signal } = this.#stopped
    try {
      const isHeld = await this.#claim.isHeld(signal)
      const { count } = await newestOf(client, ETCD_TABLE_RANGE, signal)
      // One key is the epoch. A change meanwhile is no loss.
      if (this.#running !== undefined || (isHeld && count === this.#keys.size + 1)) return
      this.#isAllDirty = true
      this.#write()
    } catch {
      // The next check, or the next change, finds out.
    }
  }
}
