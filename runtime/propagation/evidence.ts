/**
 * What one keyed time of a caller showed: in how many slices of it the callee was called without a key (`hits` of
 * `trials`), and in how many slices of the same length just before it, in which the caller was idle (`controlHits` of
 * `controls`).
 */
export interface Sample {
  readonly trials: number
  readonly hits: number
  readonly controls: number
  readonly controlHits: number
}

/** The most samples that are kept, and the fewest hits that count as evidence. */
const MAX_SAMPLES = 48
const MIN_HITS = 3
/** How improbable the samples must be by chance. Each second may test each pair of services. */
const MAX_CHANCE = 1e-5

/** The samples of one caller and one callee. */
export class Evidence {
  #samples: Sample[] = []
  #isSufficient: boolean | undefined = false

  add(sample: Sample): void {
    // A sample without a hit, or without a control, says nothing.
    if (sample.controls === 0 || sample.hits + sample.controlHits === 0) return
    this.#samples.push(sample)
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift()
    this.#isSufficient = undefined
  }

  clear(): void {
    this.#samples = []
    this.#isSufficient = false
  }

  /** Whether the caller's keyed requests cause its calls without a key, beyond reasonable doubt. */
  get isSufficient(): boolean {
    this.#isSufficient ??=
      this.#samples.reduce((sum, { hits }) => sum + hits, 0) >= MIN_HITS &&
      chanceOf(this.#samples) <= MAX_CHANCE
    return this.#isSufficient
  }
}

/**
 * The probability of at least as many hits, if calls come independently of keyed times. Then each slice of a sample,
 * trial or control, is equally likely to be hit, so that the hits of a sample have a hypergeometric distribution
 * (Fisher's exact test, with each sample as a stratum). Bursts, rates that change and jobs at intervals do not matter,
 * because a sample is compared only with the time just before it.
 */
export function chanceOf(samples: readonly Sample[]): number {
  let distribution = [1]
  let hits = 0
  for (const sample of samples) {
    hits += sample.hits
    distribution = convolved(distribution, hypergeometric(sample))
  }
  return distribution.slice(hits).reduce((sum, it) => sum + it, 0)
}

function hypergeometric({ trials, hits, controls, controlHits }: Sample): number[] {
  const drawn = hits + controlHits
  const whole = logChoose(trials + controls, drawn)
  return Array.from({ length: Math.min(trials, drawn) + 1 }, (_, count) =>
    drawn - count > controls
      ? 0
      : Math.exp(logChoose(trials, count) + logChoose(controls, drawn - count) - whole),
  )
}

function convolved(one: readonly number[], other: readonly number[]): number[] {
  const sums = Array.from({ length: one.length + other.length - 1 }, () => 0)
  for (const [index, a] of one.entries()) {
    for (const [more, b] of other.entries()) sums[index + more] = (sums[index + more] as number) + a * b
  }
  return sums
}

function logChoose(of: number, count: number): number {
  let sum = 0
  for (let index = 1; index <= count; index++) sum += Math.log((of - count + index) / index)
  return sum
}
