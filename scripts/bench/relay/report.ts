import { join } from 'node:path'
import { contest } from '../contest.ts'
import { contendersOf } from '../contenders/index.ts'
import { PREVIEW_PATH } from '../contenders/preview.ts'
import { PREVIEW_HOST } from '../contenders/relay.ts'
import { BEFORE } from '../contenders/sidecar.ts'
import { traefik } from '../contenders/traefik.ts'
import { type Load, runLoad } from '../http/load.ts'
import { installed, LOAD_CORE, type Running, startOn, stopAll, usage } from '../processes.ts'
import {
  asFastAsBefore,
  type Benchmark,
  median,
  printTable,
  printVerdicts,
  ratio,
  type Verdict,
} from '../verdict.ts'
import { type IdleWebSockets, measureIdle } from './websockets.ts'

const PATHS = ['/100', '/65536'] as const
const CLIENTS = [64, 8] as const
/** Clients of small requests while one client reads a bulk stream. */
const SMALL_CLIENTS = 8
/** Requests after which compilers are warm, and the most seconds that this may take. */
const WARM_UP_REQUESTS = 10_000
const WARM_UP_ROUNDS = 5
/** The most that a preview may add to the p50 of a direct request. */
const ADDED_P50_MS = 1
/** The most that a bulk stream may add to the p99 of small requests. */
const ADDED_P99_MS = 5

interface Row extends Load {
  readonly name: string
  readonly path: string
  readonly clients: number
  readonly cpuMicroseconds: number
}

/** Added latencies of the preview path, in milliseconds. */
interface Latency {
  readonly directP50Ms: number
  readonly previewP50Ms: number
  readonly smallP99Ms: number
  readonly smallDuringBulkP99Ms: number
}

/**
 * Measures the whole path of a preview (relay, gateway and sidecar, three processes) against one hop of Traefik; what it
 * adds to the time of a request; small requests next to a bulk stream; and the memory of idle WebSockets.
 */
export const relay: Benchmark = async ({ seconds, runs, against, websockets }) => {
  const reason = await installed('wrk', 'apt-get install wrk')()
  if (reason !== undefined) {
    printVerdicts([], [reason])
    return { missing: [reason] }
  }
  const upstream = { script: join(import.meta.dirname, 'upstream.ts') }
  return contest(upstream, contendersOf('relay', against), 1000, async (all) => {
    const rows = await throughput(all.running, seconds, runs)
    printRows(rows)
    const path = all.running.get(PREVIEW_PATH) as Running
    const latency = await latencies(all.upstreamPort, path.port, seconds, runs)
    const idle = await measureIdle(path, websockets)
    printIdle(idle)
    const verdicts = [...judge(rows), ...judgeLatency(latency)]
    printVerdicts(verdicts, all.missing)
    return { rows, latency, idle, verdicts, missing: all.missing }
  })
}

async function throughput(
  running: ReadonlyMap<string, Running>,
  seconds: number,
  runs: number,
): Promise<Row[]> {
  await warmUp(running)
  const samples: Row[] = []
  for (let run = 0; run < runs; run++) {
    for (const path of PATHS) {
      for (const clients of CLIENTS) {
        // By turns in both orders, so that what one leaves behind does not always hit the same one.
        const turn = run % 2 === 0 ? [...running] : [...running].toReversed()
        for (const [name, contender] of turn) {
          samples.push(await sample(name, contender, path, clients, seconds))
        }
      }
    }
  }
  const groups = Map.groupBy(samples, ({ name, path, clients }) => `${name} ${path} ${clients}`)
  return [...groups.values()].map((group) => median(group, (row) => row.cpuMicroseconds))
}

/** Sends requests through every contender until its compilers are warm, however slow the machine is. */
async function warmUp(running: ReadonlyMap<string, Running>): Promise<void> {
  for (const { port } of running.values()) {
    for (const path of PATHS) {
      let requests = 0
      for (let round = 0; round < WARM_UP_ROUNDS && requests < WARM_UP_REQUESTS; round++) {
        requests += (await runLoad(port, path, 1, PREVIEW_HOST)).requests
      }
    }
  }
}

async function sample(
  name: string,
  { port, pids }: Running,
  path: string,
  clients: number,
  seconds: number,
): Promise<Row> {
  const before = await usage(pids)
  const load = await runLoad(port, path, seconds, PREVIEW_HOST, clients)
  const cpuSeconds = (await usage(pids)).cpuSeconds - before.cpuSeconds
  return { name, path, clients, ...load, cpuMicroseconds: (cpuSeconds / load.requests) * 1e6 }
}

async function latencies(direct: number, preview: number, seconds: number, runs: number): Promise<Latency> {
  const samples: Latency[] = []
  for (let run = 0; run < runs; run++) {
    const directP50Ms = (await runLoad(direct, '/100', seconds, PREVIEW_HOST, 1)).p50Ms
    const previewP50Ms = (await runLoad(preview, '/100', seconds, PREVIEW_HOST, 1)).p50Ms
    const smallP99Ms = (await runLoad(preview, '/100', seconds, PREVIEW_HOST, SMALL_CLIENTS)).p99Ms
    const bulk = await startOn(LOAD_CORE, process.execPath, [
      join(import.meta.dirname, 'load.ts'),
      String(preview),
    ])
    try {
      const { p99Ms } = await runLoad(preview, '/100', seconds, PREVIEW_HOST, SMALL_CLIENTS)
      samples.push({ directP50Ms, previewP50Ms, smallP99Ms, smallDuringBulkP99Ms: p99Ms })
    } finally {
      await stopAll([bulk])
    }
  }
  const middle = (of: (sample: Latency) => number): number => of(median(samples, of))
  return {
    directP50Ms: middle((each) => each.directP50Ms),
    previewP50Ms: middle((each) => each.previewP50Ms),
    smallP99Ms: middle((each) => each.smallP99Ms),
    smallDuringBulkP99Ms: middle((each) => each.smallDuringBulkP99Ms),
  }
}

function printRows(rows: readonly Row[]): void {
  printTable(
    ['path', 'response', 'clients', 'req/s', 'MB/s', 'p50 ms', 'p99 ms', 'CPU µs/req', 'errors'],
    rows.map((row) => [
      row.name,
      row.path,
      row.clients,
      Math.round(row.requestsPerSecond),
      Math.round((row.requestsPerSecond * Number(row.path.slice(1))) / 1e6),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.cpuMicroseconds.toFixed(1),
      row.errors,
    ]),
  )
}

function printIdle({ open, beforeMb, afterMb, kibEach }: IdleWebSockets): void {
  const memory = `${beforeMb.toFixed(0)} to ${afterMb.toFixed(0)} MB, ${kibEach.toFixed(1)} KiB each`
  console.log(`${open} idle WebSockets: ${memory}, in all three processes`)
}

function judge(rows: readonly Row[]): Verdict[] {
  const cases = PATHS.flatMap((path) => CLIENTS.map((clients) => [path, clients] as const))
  return cases.flatMap(([path, clients]) => {
    const named = (name: string): Row | undefined =>
      rows.find((row) => row.name === name && row.path === path && row.clients === clients)
    const before = named(PREVIEW_PATH + BEFORE)
    return judgeCase(`${path}, ${clients} clients`, named(PREVIEW_PATH), named(traefik.name), before)
  })
}

function judgeCase(
  what: string,
  ours: Row | undefined,
  one: Row | undefined,
  before: Row | undefined,
): Verdict[] {
  const [rate, other] = [ours?.requestsPerSecond, one?.requestsPerSecond]
  const [cost, otherCost] = [ours?.cpuMicroseconds, one?.cpuMicroseconds]
  return [
    ...ratio(`${what}: requests ≥ 1.0 × one hop of Traefik`, rate, other, (reached) => reached >= 1),
    // On a shared machine, other work affects requests per second, but not CPU per request.
    ...ratio(`${what}: CPU ≤ 1.0 × one hop of Traefik`, cost, otherCost, (reached) => reached <= 1),
    ...asFastAsBefore(what, ours, before),
  ]
}

function judgeLatency(latency: Latency): Verdict[] {
  const addedP50Ms = latency.previewP50Ms - latency.directP50Ms
  const addedP99Ms = latency.smallDuringBulkP99Ms - latency.smallP99Ms
  return [
    {
      target: `a preview adds < ${ADDED_P50_MS} ms to the p50 of a request`,
      reached: `${addedP50Ms.toFixed(2)} ms`,
      met: addedP50Ms < ADDED_P50_MS,
    },
    {
      target: `a bulk stream adds < ${ADDED_P99_MS} ms to the p99 of small requests`,
      reached: `${addedP99Ms.toFixed(2)} ms`,
      met: addedP99Ms < ADDED_P99_MS,
    },
  ]
}
