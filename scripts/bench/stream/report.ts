import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { contest } from '../contest.ts'
import { contendersOf } from '../contenders/index.ts'
import { LOAD_CORE, usage } from '../processes.ts'
import { type Benchmark, median, printTable, printVerdicts } from '../verdict.ts'

interface Row {
  readonly name: string
  readonly perSecond: number
  readonly errors: number
  /** CPU microseconds of the contender per message or per MB. */
  readonly cpuMicroseconds: number
}

const load = join(import.meta.dirname, 'load.ts')

/** Runs streams for a time. Returns messages or MB per second, and the number of cut streams. */
export async function runStreams(
  kind: string,
  port: number,
  connections: number,
  seconds: number,
): Promise<Omit<Row, 'name' | 'cpuMicroseconds'>> {
  const args = [
    '-c',
    LOAD_CORE,
    process.execPath,
    load,
    kind,
    String(port),
    String(connections),
    String(seconds),
  ]
  const { stdout } = await promisify(execFile)('taskset', args)
  return JSON.parse(stdout) as { perSecond: number; errors: number }
}

function streams(kind: 'websocket' | 'bulk', connections: number, unit: string): Benchmark {
  return ({ seconds, runs, against }) => {
    const contenders = contendersOf(kind === 'bulk' ? 'tcp' : kind, against)
    const upstream = { script: join(import.meta.dirname, 'upstream.ts'), args: [kind] }
    return contest(upstream, contenders, 1000, async ({ upstreamPort, running, missing }) => {
      const samples: Row[] = []
      for (let i = 0; i < runs; i++) {
        samples.push({
          name: 'no proxy',
          cpuMicroseconds: 0,
          ...(await runStreams(kind, upstreamPort, connections, seconds)),
        })
        for (const [name, { port, pids }] of running) {
          const before = await usage(pids)
          const figures = await runStreams(kind, port, connections, seconds)
          const cpuSeconds = (await usage(pids)).cpuSeconds - before.cpuSeconds
          // One second more than measured, for the warm-up.
          const cpuMicroseconds = (cpuSeconds / (figures.perSecond * (seconds + 1))) * 1e6
          samples.push({ name, cpuMicroseconds, ...figures })
        }
      }
      const groups = Map.groupBy(samples, ({ name }) => name)
      const rows = [...groups.values()].map((group) => median(group, (row) => row.perSecond))
      printTable(
        ['hop', `${unit}/s`, `CPU µs/${unit}`, 'cut'],
        rows.map((row) => [row.name, Math.round(row.perSecond), row.cpuMicroseconds.toFixed(1), row.errors]),
      )
      printVerdicts([], missing)
      return { rows, missing }
    })
  }
}

/** Measures messages of 100 B that are echoed over 64 WebSockets. */
export const websocket = streams('websocket', 64, 'messages')

/** Measures bulk data from the service to four clients of a port with an undeclared protocol. */
export const tcp = streams('bulk', 4, 'MB')
