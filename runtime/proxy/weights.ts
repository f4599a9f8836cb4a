/** The maximum random steps before a rotation begins, so that sidecars do not all begin at the same endpoint. */
const MAX_BEGINNING = 64

/**
 * The weights of an environment's endpoints, by place. They are not all equal, so at least one is not 0. A place of
 * weight 0 is never chosen.
 */
export class Weights {
  readonly of: readonly number[]
  /** By place: the sum of the weights up to and including it. */
  readonly #upTo: readonly number[]
  /** The number of places whose weight is not 0. */
  readonly some: number
  readonly #total: number
  /** What each place is owed, in weights. The sum is always 0. */
  readonly #owed: number[]

  constructor(weights: readonly number[]) {
    this.of = weights
    let total = 0
    this.#upTo = weights.map((weight) => (total += weight))
    this.#total = total
    this.some = weights.filter((weight) => weight > 0).length
    this.#owed = weights.map(() => 0)
    for (let steps = Math.floor(Math.random() * MAX_BEGINNING); steps > 0; steps--) this.next(NONE_PASSED)
  }

  /**
   * The next place in turn. Each comes as often as its weight, spread evenly over a turn (nginx's smooth weighted round
   * robin). Places for which `passed` is true miss their turn. Returns -1 if none is left.
   */
  next(passed: (place: number) => boolean): number {
    let total = 0
    let best = -1
    for (let place = 0; place < this.of.length; place++) {
      const weight = this.of[place] as number
      if (weight === 0 || passed(place)) continue
      total += weight
      this.#owed[place] = (this.#owed[place] as number) + weight
      if (best === -1 || (this.#owed[place] as number) > (this.#owed[best] as number)) best = place
    }
    if (best !== -1) this.#owed[best] = (this.#owed[best] as number) - total
    return best
  }

  /** A random place, with a probability proportional to its weight. Never `other`, whose weight must not be 0. */
  random(other = -1): number {
    const without = other === -1 ? 0 : (this.of[other] as number)
    let at = Math.floor(Math.random() * (this.#total - without))
    // Skip the range of the other place.
    if (other !== -1 && at >= (this.#upTo[other] as number) - without) at += without
    return this.#placeOf(at)
  }

  /** The first place at which the sum of the weights exceeds `at`. */
  #placeOf(at: number): number {
    let low = 0
    let high = this.#upTo.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#upTo[middle] as number) > at) high = middle
      else low = middle + 1
    }
    return low
  }
}

const NONE_PASSED = (): boolean => false

/** Undefined if all weights are equal, because then they have no effect. */
export const weightsOf = (weights: readonly number[]): Weights | undefined =>
  weights.every((weight) => weight === weights[0]) ? undefined : new Weights(weights)
