import { join } from 'node:path'
import { contest, type Contest } from '../contest.ts'
import { contendersOf } from '../contenders/index.ts'
import { type Running, usage } from '../processes.ts'
import { median } from '../verdict.ts'
import { type Load, runLoad } from './load.ts'

/** One contender's figures for one path: the median of the runs, by requests a second. */
export interface Row extends Load {
  readonly name: string
  readonly path: string
  readonly cpuMicroseconds: number
  readonly rssMb: number
}

/** The hop's figures, the memory of each contender idle, under load and afterwards, and who was left out. */
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

/** What is asked for. */
export const PATHS = ['/100', '/65536', '/chunked'] as const

/** Measures every contender in turn, run after run, so that a machine that drifts drifts for all. */
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
  // Compilers and pools are warm in all that is measured, as they are in a pod.
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

/** One run of load through one contender, with the CPU time that it took. */
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
