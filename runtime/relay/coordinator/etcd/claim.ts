import type { Deployment } from '@branchline/wire/circuits/delta'
import { ETCD_KEYS } from '@branchline/wire/circuits/etcd'
import type { EtcdClient } from '../../../etcd/client.ts'
import { EtcdError } from '../../../etcd/errors.ts'
import { prefixOf, readRange } from '../../../etcd/range.ts'
import { transact, type Write } from '../../../etcd/transaction.ts'

type Leader = Pick<Deployment, 'instance' | 'term'>

/** A leader's right to write to etcd: no earlier leader can write once a later one has it. */
export class Claim {
  readonly #client: EtcdClient
  readonly #value: string
  readonly #leader: Leader
  /** Whether this leader had the right once. */
  #held = false

  constructor(client: EtcdClient, leader: Leader) {
    this.#client = client
    this.#leader = leader
    this.#value = JSON.stringify({ instance: leader.instance, term: leader.term })
  }

  /** Whether etcd has this claim now. Rejects with an EtcdError. */
  async isHeld(signal: AbortSignal): Promise<boolean> {
    return (await this.#read(signal))?.value === this.#value
  }

  /**
   * Claims etcd. Returns why this leader may not write any more; undefined if it may. Another database, such as a
   * restored one, is replaced only once, so that two do not take turns.
   */
  async take(signal: AbortSignal): Promise<string | undefined> {
    const found = await this.#read(signal)
    if (found?.value !== this.#value) {
      const other = found === undefined ? undefined : readLeader(found.value)
      if (other !== undefined && other.instance !== this.#leader.instance) {
        if (this.#held) return 'the coordinators of another database write to this etcd'
      } else if (other !== undefined && other.term > this.#leader.term) return `term ${other.term} has begun`
      const condition = { key: ETCD_KEYS.term, revision: found?.revision ?? 0 }
      const write = { key: ETCD_KEYS.term, value: this.#value }
      if (!(await transact(this.#client, condition, [write], signal)))
        throw new EtcdError('another coordinator has claimed etcd at the same time')
    }
    this.#held = true
    return undefined
  }

  /** Writes if etcd still has this claim. Returns whether it has. */
  write(writes: readonly Write[], signal: AbortSignal): Promise<boolean> {
    return transact(this.#client, { key: ETCD_KEYS.term, value: this.#value }, writes, signal)
  }

  async #read(signal: AbortSignal): Promise<{ value: string; revision: number } | undefined> {
    const { entries } = await readRange(this.#client, prefixOf(ETCD_KEYS.term), signal)
    return entries.find(({ key }) => key === ETCD_KEYS.term)
  }
}

function readLeader(value: string): Leader | undefined {
  try {
    const { instance, term } = JSON.parse(value) as Partial<Leader>
    return typeof instance === 'string' && typeof term === 'number' ? { instance, term } : undefined
  } catch {
    return undefined
  }
}
