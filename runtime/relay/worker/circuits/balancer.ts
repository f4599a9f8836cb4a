import type { Balancing } from '@branchline/wire/circuits/circuit'
import { type Weights, weightsOf } from '../../../proxy/weights.ts'

/** The maximum targets to try for one request. */
export const MAX_TRIES = 3

/** What a balancer needs of a target. */
export interface Balanced {
  readonly weight: number
  /** Running requests and connections. */
  readonly outstanding: number
  /** Whether it gets new requests: it does not drain, and no check has failed. */
  readonly takes: boolean
  /** Until when passive signs exclude it, by the monotonic clock. 0: they do not. */
  readonly ejectedUntilMs: number
}

/**
 * Chooses targets. Draining and unhealthy targets get no request. Ejected ones get none as long as another target is
 * left, and neither do targets of weight 0. Turns continue over changes of the targets.
 */
export class Balancer<T extends Balanced> {
  #balancing: Balancing
  #targets: readonly T[]
  #turn = Math.floor(Math.random() * 1024)
  /** The targets that get requests now, and further ones for a second try. */
  #primary: readonly T[] = []
  #others: readonly T[] = []
  #weights: Weights | undefined = undefined
  /** When the lists above have to be made again. */
  #untilMs = Number.NEGATIVE_INFINITY

  constructor(balancing: Balancing, targets: readonly T[]) {
    this.#balancing = balancing
    this.#targets = targets
  }

  /** Applies other settings. */
  update(balancing: Balancing, targets: readonly T[]): void {
    this.#balancing = balancing
    this.#targets = targets
    this.changed()
  }

  /** Something about a target has changed. */
  changed(): void {
    this.#untilMs = Number.NEGATIVE_INFINITY
  }

  /** The targets of which each may get a new request, at this moment of the monotonic clock. Empty if none may. */
  usable(nowMs: number): readonly T[] {
    if (nowMs >= this.#untilMs) this.#sort(nowMs)
    return this.#primary
  }

  /** The targets to try for one request, in order: at most {@link MAX_TRIES}. `first` comes first, if it is given. */
  pick(nowMs: number, first?: T): readonly T[] {
    const primary = this.usable(nowMs)
    const { length } = primary
    if (length + this.#others.length < 2) return primary
    const place = first === undefined ? this.#next() : primary.indexOf(first)
    const picked: T[] = []
    for (let step = 0; step < length && picked.length < MAX_TRIES; step++)
      picked.push(primary[(place + step) % length] as T)
    if (picked.length < MAX_TRIES) picked.push(...this.#others.slice(0, MAX_TRIES - picked.length))
    return picked
  }

  #next(): number {
    const { length } = this.#primary
    if (this.#balancing === 'least-connections') return this.#least()
    if (this.#weights !== undefined) return Math.max(0, this.#weights.next(NONE))
    this.#turn = (this.#turn + 1) % length
    return this.#turn
  }

  /** The target with the fewest connections. Several that have as few take turns. */
  #least(): number {
    const { length } = this.#primary
    const from = (this.#turn + 1) % length
    let best = from
    for (let step = 1; step < length; step++) {
      const place = (from + step) % length
      if ((this.#primary[place] as T).outstanding < (this.#primary[best] as T).outstanding) best = place
    }
    // The next turn begins after it, so that equal ones take turns although others are in between.
    this.#turn = best
    return best
  }

  #sort(nowMs: number): void {
    const usable = this.#targets.filter(({ takes }) => takes)
    const present = usable.filter(({ ejectedUntilMs }) => ejectedUntilMs <= nowMs)
    // If passive signs exclude all, they are not trusted: a failed try is better than none.
    const trusted = present.length > 0 ? present : usable
    const weighted = trusted.filter(({ weight }) => weight > 0)
    this.#primary = weighted.length > 0 ? weighted : trusted
    this.#others = weighted.length > 0 ? trusted.filter(({ weight }) => weight === 0) : []
    const isWeighted = this.#balancing === 'weighted' && weighted.length > 1
    this.#weights = isWeighted ? weightsOf(weighted.map(({ weight }) => weight)) : undefined
    this.#untilMs = Math.min(
      Number.POSITIVE_INFINITY,
      ...usable.map(({ ejectedUntilMs }) =>
        ejectedUntilMs > nowMs ? ejectedUntilMs : Number.POSITIVE_INFINITY,
      ),
    )
  }
}

const NONE = (): boolean => false
