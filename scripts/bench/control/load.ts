/**
 * The load of `npm run bench -- control`, a process on its own core: the cluster, its sidecars, and the manager as its
 * child on the other core. Prints progress to standard error, and one line of JSON at the end.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { usage } from '../processes.ts'
import { SimulatedApi } from './api.ts'
import { HOT, podId, BASE } from './cluster.ts'
import { Fleet } from './fleet.ts'
import { p99BoundMs, readPlans } from './plans.ts'
import type { ControlResult, Kind, Restart, Scope } from './result.ts'
import { type Change, Simulation } from './simulation.ts'

const [folder, core, routesPort, adminPort, runs] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]
const SIZE = { branches: 1_000, services: 200, overrides: 4 }
const CONNECTED_BRANCHES = 200
const BURST = 50
/** The pause between two changes, so that they do not overlap. The manager writes statuses meanwhile. */
const PAUSE_MS = 20

const api = new SimulatedApi()
const simulation = new Simulation(api, SIZE, CONNECTED_BRANCHES)
const fleet = new Fleet(Number(routesPort))
let manager: ChildProcess | undefined

function startManager(): void {
  manager = spawn('taskset', ['-c', core, process.execPath, join(folder, 'manager.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      POD_IP: '127.0.0.1',
      BRANCHLINE_SOURCE: 'local',
      BRANCHLINE_LOCAL_API: join(folder, 'api.sock'),
      BRANCHLINE_ROUTES_PORT: routesPort,
      BRANCHLINE_ADMIN_PORT: adminPort,
      LOG_LEVEL: 'warn',
    },
  })
}

async function stopManager(): Promise<void> {
  if (manager === undefined) return
  const ended = once(manager, 'exit')
  manager.kill('SIGKILL')
  await ended
  manager = undefined
}

const managerUsage = () => usage([manager?.pid as number])

/** Measures a start of the manager, until the last sidecar has its table. */
async function start(): Promise<Restart> {
  const [bytes, messages] = [fleet.bytes, fleet.messages]
  const all = fleet.arrival(new Map(simulation.pods.map((pod) => [pod, ['"type":"snapshot"']])), 120_000)
  const begunMs = performance.now()
  startManager()
  const endedMs = await all
  const { cpuSeconds, rssMb } = await managerUsage()
  const sent = { snapshots: fleet.messages - messages, bytes: fleet.bytes - bytes }
  return { allMs: endedMs - begunMs, cpuMs: cpuSeconds * 1000, rssMb, ...sent }
}

async function measure(name: string, scope: Scope, count: number, changes: () => Change[]): Promise<Kind> {
  const timesMs: number[] = []
  const [bytes, messages] = [fleet.bytes, fleet.messages]
  const before = await managerUsage()
  const plans = await readPlans(Number(adminPort))
  for (let round = 0; round < count; round++) {
    for (const change of changes()) timesMs.push(await timeOf(change))
  }
  const after = await managerUsage()
  const sorted = timesMs.toSorted((one, two) => one - two)
  const quantile = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] as number
  return {
    name,
    scope,
    count: timesMs.length,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    maxMs: quantile(1),
    planP99Ms: p99BoundMs(plans, await readPlans(Number(adminPort))),
    cpuMs: ((after.cpuSeconds - before.cpuSeconds) * 1000) / timesMs.length,
    deltas: (fleet.messages - messages) / timesMs.length,
    bytes: (fleet.bytes - bytes) / Math.max(1, fleet.messages - messages),
  }
}

async function timeOf(change: Change): Promise<number> {
  const arrival = fleet.arrival(change.expected)
  const begunMs = performance.now()
  change.apply()
  const endedMs = await arrival
  await delay(PAUSE_MS)
  return endedMs - begunMs
}

/** Checks that tables built from deltas equal a new snapshot. */
async function verify(): Promise<void> {
  const pods = [podId(BASE, HOT), podId(BASE, 's7'), podId('b0', HOT), podId('b3', HOT)]
  const byDeltas = pods.map((pod) => JSON.stringify(sorted(fleet.tableOf(pod))))
  await stopManager()
  await start()
  for (const [index, pod] of pods.entries()) {
    if (byDeltas[index] !== JSON.stringify(sorted(fleet.tableOf(pod)))) {
      throw new Error(`${pod}: the table from deltas differs from a snapshot`)
    }
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value).toSorted(([one], [two]) => (one < two ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

async function main(): Promise<ControlResult> {
  await api.listen(join(folder, 'api.sock'))
  simulation.fill()
  fleet.connect(simulation.pods)
  console.error('control: first start')
  const first = await start()
  await delay(2_000)
  const idleMb = (await managerUsage()).rssMb
  const rounds = Number(runs)
  const kinds: Kind[] = []
  const take = async (...options: Parameters<typeof measure>): Promise<void> => {
    console.error(`control: ${options[0]}`)
    kinds.push(await measure(...options))
  }
  await take('an override moves', 'service', 100 * rounds, () => [simulation.overrideMoves()])
  await take('an override of the hot Service moves', 'service', 50 * rounds, () => [
    simulation.overrideMoves(HOT),
  ])
  await take('a Service of the baseline moves', 'service', 50 * rounds, () => [simulation.baseMoves()])
  await take('the hot Service of the baseline moves', 'service', 20 * rounds, () => [
    simulation.baseMoves(HOT),
  ])
  await take("a branch's pod moves", 'branch', 30 * rounds, () => [simulation.podMoves()])
  await take('a branch comes or goes', 'branch', 15 * rounds, () => Object.values(simulation.branchesCome(1)))
  await take(`${BURST} branches come or go at once`, 'many', 2 * rounds, () =>
    Object.values(simulation.branchesCome(BURST)),
  )
  const loadMb = (await managerUsage()).rssMb
  console.error('control: restarts')
  await verify()
  const restarts: Restart[] = []
  for (let round = 0; round < rounds; round++) {
    await delay(1_000)
    await stopManager()
    restarts.push(await start())
  }
  const sidecars = simulation.pods.length
  return { ...SIZE, sidecars, first, idleMb, loadMb, kinds, restarts, statuses: api.statuses }
}

try {
  console.log(JSON.stringify(await main()))
} finally {
  fleet.stop()
  await stopManager()
  api.close()
}
