import { join } from 'node:path'
import { contest } from './contest.ts'
import { contendersOf } from './contenders/index.ts'
import { sample } from './http/hop.ts'
import { type Benchmark, median, printTable, printVerdicts } from './verdict.ts'

/** The contender that the others are compared with. */
const FEWEST = contendersOf('table')[0]?.name ?? ''
const PATH = '/100'
const SLICE_SECONDS = 1
const WARM_SECONDS = 6

/** CPU per request in microseconds within one second, by contender. */
type Second = ReadonlyMap<string, number>

/**
 * Measures the cost of a request in sidecars with few and with very many routes. A machine drifts, and two processes of
 * one program differ by more than the difference in question. So all sidecars run at the same time on the same core, and
 * other load affects all of them. Each second is compared with the same second of the sidecar with the fewest routes. All
 * restart `runs` times.
 */
export const table: Benchmark = async ({ seconds, runs }) => {
  const samples: Second[] = []
  for (let run = 0; run < runs; run++) samples.push(...(await generation(seconds)))
  const rows = contendersOf('table').map(({ name }) => summary(name, samples))
  printTable(
    ['table', 'CPU µs/req', 'ratio to one route', 'half of all seconds'],
    rows.map(({ name, cpuMicroseconds, ratio, from, to }) => [
      name,
      cpuMicroseconds.toFixed(1),
      ratio.toFixed(3),
      `${from.toFixed(2)} to ${to.toFixed(2)}`,
    ]),
  )
  const verdicts = rows.slice(1).map(({ name, ratio }) => ({
    target: `${name}: CPU per request at most 5 % above that of one route`,
    reached: ratio.toFixed(3),
    met: ratio <= 1.05,
  }))
  printVerdicts(verdicts)
  return { rows, verdicts, samples: samples.map((second) => Object.fromEntries(second)) }
}

const generation = (seconds: number): Promise<Second[]> =>
  contest(
    { script: join(import.meta.dirname, 'http/upstream.ts') },
    contendersOf('table'),
    0,
    async ({ running }) => {
      const atOnce = async (): Promise<Second> => {
        const loads = [...running].map(([name, each]) => sample(name, each, PATH, SLICE_SECONDS))
        return new Map((await Promise.all(loads)).map((row) => [row.name, row.cpuMicroseconds]))
      }
      for (let second = 0; second < WARM_SECONDS; second++) await atOnce()
      const all: Second[] = []
      while (all.length < seconds) all.push(await atOnce())
      return all
    },
  )

function summary(name: string, samples: readonly Second[]) {
  const costs = samples.map((second) => second.get(name) ?? Number.NaN)
  const ratios = samples
    .map((second, index) => (costs[index] as number) / (second.get(FEWEST) ?? Number.NaN))
    .sort((one, two) => one - two)
  const at = (share: number): number => ratios[Math.floor(share * (ratios.length - 1))] as number
  return {
    name,
    cpuMicroseconds: median(costs, (cost) => cost),
    ratio: median(ratios, (ratio) => ratio),
    from: at(0.25),
    to: at(0.75),
  }
}
