import { join } from 'node:path'
import { contest, type Contest } from '../contest.ts'
import { contendersOf } from '../contenders/index.ts'
import { type Running, usage } from '../processes.ts'
import { median } from '../verdict.ts'
import { type Load, runLoad } from './load.ts'

/** One contender's figures for one path: the median of the runs by requests per second. */
export interface Row extends Load {
  readonly name: string
  readonly path: string
  readonly cpuMicroseconds: number
  readonly rssMb: number
}

/** The figures of the hop, the memory of each contender (idle, under load, afterwards), and missing contenders. */
export interface HopResult {
  readonly rows: readonly Row[]
  readonly memory: readonly { name: string; idleMb: number; loadMb: number; afterMb: number }[]
  readonly missing: readonly string[]
}

export interface HopOptions {
  readonly seconds: number
  readonly runs: number
  readonly routes: number
  readonly against?: string | undefined
  readonly onProgress: (line: string) => void
}

/** The measured paths. */
export const PATHS = ['/100', '/65536', '/chunked'] as const

/** Measures all contenders in turn, run after run, so that a drifting machine affects all of them. */
export const measureHop = (options: HopOptions): Promise<HopResult> =>
  contest(
    { script: join(import.meta.dirname, 'upstream.ts') },
    contendersOf('hop', options.against),
    options.routes,
    (all) => runAll(options, all),
  )

async function runAll(options: HopOptions, { running, missing, upstreamPort }: Contest): Promise<HopResult> {
  const idle = new Map<string, number>()
  for (const [name, { pids }] of running) idle.set(name, (await usage(pids)).rssMb)
  // Compilers and pools are warm in every measurement, as in a pod.
  for (const { port } of running.values()) for (const path of PATHS) await runLoad(port, path, 1)
  const samples: Row[] = []
  for (let run = 1; run <= options.runs; run++) {
    for (const path of PATHS) {
      options.onProgress(`hop: run ${run} of ${options.runs}, ${path}`)
      const direct = await runLoad(upstreamPort, path, options.seconds)
      samples.push({ name: 'no proxy', path, cpuMicroseconds: 0, rssMb: 0, ...direct })
      for (const [name, each] of running) samples.push(await sample(name, each, path, options.seconds))
    }
  }
  const memory = await Promise.all(
    [...running].map(async ([name, { pids }]) => ({
      name,
      idleMb: idle.get(name) ?? 0,
      loadMb: Math.max(...samples.filter((row) => row.name === name).map((row) => row.rssMb)),
      afterMb: (await usage(pids)).rssMb,
    })),
  )
  const groups = Map.groupBy(samples, ({ name, path }) => `${path} ${name}`)
  const rows = [...groups.values()].map((group) => median(group, (row) => row.requestsPerSecond))
  return { rows, memory, missing }
}

/** Runs load through one contender, and measures its CPU time. */
export async function sample(
  name: string,
  { port, pids }: Running,
  path: string,
  seconds: number,
): Promise<Row> {
  const before = await usage(pids)
  const load = await runLoad(port, path, seconds)
  const after = await usage(pids)
  const cpuMicroseconds = ((after.cpuSeconds - before.cpuSeconds) / load.requests) * 1e6
  return { name, path, ...load, cpuMicroseconds, rssMb: after.rssMb }
}
