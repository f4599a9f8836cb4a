import Table from 'cli-table3'

/** A benchmark: prints its table and returns what it measured. */
export type Benchmark = (options: {
  readonly seconds: number
  readonly runs: number
  /** Another checkout of this repository, to be measured in the same run. */
  readonly against?: string | undefined
}) => Promise<unknown>

/** A target, what was reached, and whether that is enough. */
export interface Verdict {
  readonly target: string
  readonly reached: string
  readonly met: boolean
}

/** A verdict on a ratio of two figures of one run; none where one of them is missing. */
export function ratio(
  target: string,
  ours: number | undefined,
  other: number | undefined,
  met: (ratio: number) => boolean,
): Verdict[] {
  const reached = (ours ?? Number.NaN) / (other ?? Number.NaN)
  return Number.isFinite(reached) ? [{ target, reached: reached.toFixed(2), met: met(reached) }] : []
}

/** How much slower than another checkout a change may be. */
const AS_FAST = 0.97

/** Verdicts on requests a second and CPU a request, compared with another checkout of the same run. */
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

/** Prints who was left out, and each target as met or missed. */
export function printVerdicts(verdicts: readonly Verdict[], missing: readonly string[] = []): void {
  for (const line of missing) console.log(`left out: ${line}`)
  for (const { target, reached, met } of verdicts)
    console.log(`${met ? 'met   ' : 'MISSED'} ${target}: ${reached}`)
}

/** The sample in the middle, by one of its figures. */
export function median<T>(samples: readonly T[], by: (sample: T) => number): T {
  const sorted = [...samples].sort((one, two) => by(one) - by(two))
  return sorted[Math.floor(sorted.length / 2)] as T
}
