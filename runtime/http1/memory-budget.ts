import type { Limits } from './limits.ts'

/** Somebody who keeps bytes of a client. */
export interface Keeper {
  /** What the budget counts of it; for the budget alone. */
  countedBytes: number
  /** Lets go of the bytes that it may let go: by {@link MemoryBudget.keep}, before it returns. */
  shed(): void
}

/**
 * The bytes of clients that an engine keeps: incomplete heads, what was read ahead, and heads of requests that
 * run. Each connection may keep a few for nothing; all beyond that have one sum. Where it is used up, those that
 * have kept bytes for longest let go first: a client that does its part needs them for milliseconds, so clients
 * that stall cannot keep it out. (Envoy, as a comparison, resets the streams that use the most memory.)
 */
export class MemoryBudget {
  readonly #freeBytes: number
  readonly #totalBytes: number
  /** Those that can let go of something, in the order in which they began to count. */
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

  /** How often somebody had to let go. */
  get sheds(): number {
    return this.#sheds
  }

  /**
   * Somebody keeps so many bytes from now on, and says whether it can let go of some. False where there is no room,
   * though all others have let go of what they could: then it has to keep less.
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
