import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Contender,
  haproxy,
  httpProxy3,
  LOAD_CORE,
  nginx,
  type Running,
  sidecar,
  startOn,
} from './contenders.ts'
import { type Load, runLoad, usage } from './load.ts'

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
  readonly onProgress: (line: string) => void
}

const PATHS = ['/100', '/65536', '/chunked'] as const
const UPSTREAM_PORT = 18_080

/** Measures every contender in turn, run after run, so that a machine that drifts drifts for all. */
export async function measureHop(
  options: HopOptions,
  contenders = [sidecar, nginx, haproxy, httpProxy3],
): Promise<HopResult> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'))
  const upstream = await startOn(LOAD_CORE, process.execPath, [
    join(import.meta.dirname, 'upstream.ts'),
    String(UPSTREAM_PORT),
  ])
  const running = new Map<string, Running>()
  const missing: string[] = []
  try {
    for (const contender of contenders) await enter(contender, { folder, options, running, missing })
    return await runAll(options, running, missing)
  } finally {
    for (const each of running.values()) await each.stop()
    upstream.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

async function enter(
  contender: Contender,
  {
    folder,
    options,
    running,
    missing,
  }: { folder: string; options: HopOptions; running: Map<string, Running>; missing: string[] },
): Promise<void> {
  const reason = await contender.missing()
  if (reason === undefined) {
    running.set(
      contender.name,
      await contender.start({ folder, upstreamPort: UPSTREAM_PORT, routes: options.routes }),
    )
  } else missing.push(reason)
}

async function runAll(
  options: HopOptions,
  running: ReadonlyMap<string, Running>,
  missing: readonly string[],
): Promise<HopResult> {
  const idle = new Map<string, number>()
  for (const [name, { processes }] of running) idle.set(name, (await usage(pidsOf(processes))).rssMb)
  const samples: Row[] = []
  for (let run = 1; run <= options.runs; run++) {
    for (const path of PATHS) {
      options.onProgress(`run ${run} of ${options.runs}, ${path}`)
      samples.push({
        name: 'no proxy',
        path,
        cpuMicroseconds: 0,
        rssMb: 0,
        ...(await runLoad(UPSTREAM_PORT, path, options.seconds)),
      })
      for (const [name, each] of running) samples.push(await sample(name, each, path, options.seconds))
    }
  }
  const memory = await Promise.all(
    [...running].map(async ([name, { processes }]) => ({
      name,
      idleMb: idle.get(name) ?? 0,
      loadMb: Math.max(...samples.filter((row) => row.name === name).map((row) => row.rssMb)),
      afterMb: (await usage(pidsOf(processes))).rssMb,
    })),
  )
  return { rows: medians(samples), memory, missing }
}

const pidsOf = (processes: Running['processes']): number[] => processes.map(({ pid }) => pid as number)

async function sample(
  name: string,
  { port, processes }: Running,
  path: string,
  seconds: number,
): Promise<Row> {
  const pids = pidsOf(processes)
  const before = await usage(pids)
  const load = await runLoad(port, path, seconds)
  const after = await usage(pids)
  const requests = load.requestsPerSecond * seconds
  return {
    name,
    path,
    ...load,
    cpuMicroseconds: ((after.cpuSeconds - before.cpuSeconds) / requests) * 1e6,
    rssMb: after.rssMb,
  }
}

function medians(samples: readonly Row[]): Row[] {
  const groups = Map.groupBy(samples, ({ name, path }) => `${path} ${name}`)
  return [...groups.values()].map((group) => {
    const sorted = group.sort((one, two) => one.requestsPerSecond - two.requestsPerSecond)
    return sorted[Math.floor(sorted.length / 2)] as Row
  })
}
