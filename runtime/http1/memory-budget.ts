import type { Limits } from './limits.ts'

/** A connection that keeps bytes of a client. */
export interface Keeper {
  /** The bytes that the budget counts for it. Only the budget uses this. */
  countedBytes: number
  /** Releases the bytes that it can release. {@link MemoryBudget.keep} calls it before it returns. */
  shed(): void
}

/**
 * The bytes of clients that an engine keeps: incomplete heads, bytes that were read ahead, and heads of running
 * requests. Each connection may keep a few without counting; all bytes beyond that share one limit. When it is used up,
 * the connections that have kept bytes longest release theirs first. A well-behaved client needs such bytes for
 * milliseconds, so clients that stall cannot shut it out. (Envoy resets the streams that use the most memory.)
 */
export class MemoryBudget {
  readonly #freeBytes: number
  readonly #totalBytes: number
  /** Those that can release something, in the order in which they began to count. */
  readonly #shedders = new Set<Keeper>()
  #used = 0
  #sheds = 0

  constructor({ keptFreeBytes, keptTotalBytes }: Pick<Limits, 'keptFreeBytes' | 'keptTotalBytes'>) {
    this.#freeBytes = keptFreeBytes
    this.#totalBytes = keptTotalBytes
  }

  /** Bytes that count at this moment. */
  get used(): number {
    return this.#used
  }

  /** How often a connection had to release bytes. */
  get sheds(): number {
    return this.#sheds
  }

  /**
   * Records how many bytes a connection keeps, and whether it can release some. Returns false if there is no room
   * although all others have released what they could. The connection must then keep fewer.
   */
  keep(keeper: Keeper, bytes: number, canShed: boolean): boolean {
    const counted = Math.max(0, bytes - this.#freeBytes)
    this.#used += counted - keeper.countedBytes
    keeper.countedBytes = counted
    if (counted > 0 && canShed) this.#shedders.add(keeper)
    else this.#shedders.delete(keeper)
    return this.#used <= this.#totalBytes || this.#makeRoom(keeper)
  }

  #makeRoom(keeper: Keeper): boolean {
    for (const other of this.#shedders) {
      if (other === keeper) continue
      this.#shedders.delete(other)
      this.#sheds++
      other.shed()
      if (this.#used <= this.#totalBytes) return true
    }
    return false
  }
}
