import Table from 'cli-table3'

/** A benchmark: prints its table and returns what it measured. */
export type Benchmark = (options: {
  readonly seconds: number
  readonly runs: number
  /** A part of the names of `pairs` to measure. Default: all. */
  readonly only?: string | undefined
  /** Idle WebSockets of `relay`. */
  readonly websockets: number
  /** Another checkout of this repository that is measured in the same run. */
  readonly against?: string | undefined
}) => Promise<unknown>

/** A target, the reached value, and whether the target is met. */
export interface Verdict {
  readonly target: string
  readonly reached: string
  readonly met: boolean
}

/** Returns a verdict on the ratio of two figures of one run, or none if a figure is missing. */
export function ratio(
  target: string,
  ours: number | undefined,
  other: number | undefined,
  met: (ratio: number) => boolean,
): Verdict[] {
  const reached = (ours ?? Number.NaN) / (other ?? Number.NaN)
  return Number.isFinite(reached) ? [{ target, reached: reached.toFixed(2), met: met(reached) }] : []
}

/** How much slower than another checkout this one may be. */
const AS_FAST = 0.97

/** Returns verdicts on requests per second and CPU per request, compared with another checkout of the same run. */
export function asFastAsBefore(what: string, now: Cost | undefined, before: Cost | undefined): Verdict[] {
  return [
    ...ratio(
      `${what} ≥ ${AS_FAST} × before`,
      now?.requestsPerSecond,
      before?.requestsPerSecond,
      (r) => r >= AS_FAST,
    ),
    ...ratio(
      `${what} CPU ≤ ${(1 / AS_FAST).toFixed(2)} × before`,
      now?.cpuMicroseconds,
      before?.cpuMicroseconds,
      (r) => r <= 1 / AS_FAST,
    ),
  ]
}

interface Cost {
  readonly requestsPerSecond: number
  readonly cpuMicroseconds: number
}

/** Prints a table of figures. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } })
  for (const row of rows) table.push([...row])
  console.log(table.toString())
}

/** Prints missing contenders, and each target as met or missed. */
export function printVerdicts(verdicts: readonly Verdict[], missing: readonly string[] = []): void {
  for (const line of missing) console.log(`left out: ${line}`)
  for (const { target, reached, met } of verdicts)
    console.log(`${met ? 'met   ' : 'MISSED'} ${target}: ${reached}`)
}

/** Returns the median sample by one of its figures. */
export function median<T>(samples: readonly T[], by: (sample: T) => number): T {
  const sorted = [...samples].sort((one, two) => by(one) - by(two))
  return sorted[Math.floor(sorted.length / 2)] as T
}
