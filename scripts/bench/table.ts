import { join } from 'node:path'
import { contest } from './contest.ts'
import type { Contender } from './http/contenders.ts'
import { type Row, sample } from './http/hop.ts'
import type { Benchmark } from './main.ts'
import { startSidecar } from './sidecar.ts'
import { median, printTable, printVerdicts, ratio } from './verdict.ts'

const SIZES = [1, 1_000, 100_000] as const

const sized = (routes: number): Contender => ({
  name: `${routes.toLocaleString('en')} routes`,
  missing: () => Promise.resolve(undefined),
  start: (options) => startSidecar({ ...options, routes }),
})

/** What a request costs a sidecar with few routes and with very many, run in turn. */
export const table: Benchmark = ({ seconds, runs }) =>
  contest(
    { script: join(import.meta.dirname, 'http/upstream.ts') },
    SIZES.map(sized),
    0,
    async ({ running }) => {
      const samples: Row[] = []
      // The first round warms all of them up.
      for (let i = 0; i <= runs; i++) {
        for (const [name, each] of running) {
          const row = await sample(name, each, '/100', seconds)
          if (i > 0) samples.push(row)
        }
      }
      const groups = Map.groupBy(samples, ({ name }) => name)
      const rows = [...groups.values()].map((group) => median(group, (row) => row.cpuMicroseconds))
      printTable(
        ['table', 'req/s', 'CPU µs/req', 'RSS MB', 'errors'],
        rows.map((row) => [
          row.name,
          Math.round(row.requestsPerSecond),
          row.cpuMicroseconds.toFixed(1),
          row.rssMb.toFixed(0),
          row.errors,
        ]),
      )
      const least = rows[0]?.cpuMicroseconds
      const verdicts = rows
        .slice(1)
        .flatMap((row) =>
          ratio(
            `${row.name}: CPU per request at most 5 % above that of one route`,
            row.cpuMicroseconds,
            least,
            (r) => r <= 1.05,
          ),
        )
      printVerdicts(verdicts)
      return { rows, verdicts }
    },
  )
