/** The most steps by which a rotation is begun elsewhere than another sidecar's. */
const MAX_BEGINNING = 64

/**
 * The weights of an environment's endpoints, by their places: not all are the same, so one at least is not 0. A
 * place of weight 0 is never chosen.
 */
export class Weights {
  readonly of: readonly number[]
  /** By place: what the weights up to it come to, it included. */
  readonly #upTo: readonly number[]
  /** How many places have a weight. */
  readonly some: number
  readonly #total: number
  /** What each place is owed, in weights; what is owed to all together is 0. */
  readonly #owed: number[]

  constructor(weights: readonly number[]) {
    this.of = weights
    let total = 0
    this.#upTo = weights.map((weight) => (total += weight))
    this.#total = total
    this.some = weights.filter((weight) => weight > 0).length
    this.#owed = weights.map(() => 0)
    for (let steps = Math.floor(Math.random() * MAX_BEGINNING); steps > 0; steps--) this.next(NOBODY)
  }

  /**
   * The next place in turn: each as often as its weight says, spread evenly over the turn (smooth weighted
   * round robin, as nginx has it). Those of which `passed` says so miss their turn; -1 where nobody is left.
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

  /** A place at random, each as probable as its weight says; never `other`, which has to have a weight. */
  random(other = -1): number {
    const without = other === -1 ? 0 : (this.of[other] as number)
    let at = Math.floor(Math.random() * (this.#total - without))
    // As if the other one's part had been cut out.
    if (other !== -1 && at >= (this.#upTo[other] as number) - without) at += without
    return this.#placeOf(at)
  }

  /** The first place up to which the weights come to more than this. */
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

const NOBODY = (): boolean => false

/** Undefined where all weights are the same: then they say nothing. */
export const weightsOf = (weights: readonly number[]): Weights | undefined =>
  weights.every((weight) => weight === weights[0]) ? undefined : new Weights(weights)
