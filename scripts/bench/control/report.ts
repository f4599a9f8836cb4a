import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Table from 'cli-table3'
import { bundle } from '../../bundle.ts'
import { LOAD_CORE } from '../processes.ts'
import type { ControlResult, Restart } from './result.ts'

/** The manager's core; the load has the other one. */
const MANAGER_CORE = '0'
const TARGET_MS = 100
const root = join(import.meta.dirname, '../../..')

interface Verdict {
  readonly target: string
  readonly reached: string
  readonly met: boolean
}

/**
 * The control plane with 1,000 branches on 200 services and 1,000 sidecars on real sockets: how long a change
 * takes until the last sidecar has acknowledged it, and what it costs.
 */
export async function control({ runs }: { runs: number }): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'))
  const load = loadavg()[0] ?? 0
  try {
    await bundle(join(root, 'runtime/manager/main.ts'), join(folder, 'manager.mjs'))
    const ports = await freePorts(2)
    const args = [
      join(import.meta.dirname, 'load.ts'),
      folder,
      MANAGER_CORE,
      ...ports.map(String),
      String(runs),
    ]
    const child = spawn('taskset', ['-c', LOAD_CORE, process.execPath, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [output, [code]] = await Promise.all([
      text(child.stdout),
      once(child, 'exit') as Promise<[number | null]>,
    ])
    if (code !== 0) throw new Error(`the load ended with ${code}`)
    const result = JSON.parse(output) as ControlResult
    const verdicts = judge(result)
    print(result, verdicts, load)
    return { ...result, verdicts, loadAverage: load }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Ports that were free a moment ago: the manager takes the same ones again when it starts anew. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

function judge({ kinds }: ControlResult): Verdict[] {
  return kinds
    .filter(({ oneService }) => oneService)
    .map(({ name, p99Ms }) => ({
      target: `${name}: p99 < ${TARGET_MS} ms`,
      reached: `${p99Ms.toFixed(1)} ms`,
      met: p99Ms < TARGET_MS,
    }))
}

function print(result: ControlResult, verdicts: readonly Verdict[], load: number): void {
  const { branches, services, overrides, sidecars } = result
  console.log(`${branches} branches × ${overrides} overrides of ${services} services, ${sidecars} sidecars`)
  console.log(`load average ${load.toFixed(1)} at the start${load > 1 ? ': the machine is not quiet' : ''}`)
  const head = ['change', 'count', 'p50 ms', 'p99 ms', 'max ms', 'CPU ms', 'deltas', 'octets each']
  const table = new Table({ head, style: { head: [] } })
  for (const it of result.kinds) {
    const times = [it.p50Ms, it.p99Ms, it.maxMs, it.cpuMs].map((ms) => ms.toFixed(1))
    table.push([it.name, it.count, ...times, it.deltas.toFixed(1), it.octets.toFixed(0)])
  }
  console.log(table.toString())
  const restart = result.restarts.toSorted((one, two) => one.allMs - two.allMs)
  console.log(startLine('first start', result.first))
  console.log(startLine('restart (median)', restart[Math.floor(restart.length / 2)] ?? result.first))
  console.log(
    `manager: ${result.idleMb.toFixed(0)} MB at rest, ${result.loadMb.toFixed(0)} MB after all; ` +
      `${result.statuses} statuses written`,
  )
  for (const { target, reached, met } of verdicts)
    console.log(`${met ? 'met   ' : 'MISSED'} ${target}: ${reached}`)
}

const startLine = (name: string, { allMs, cpuMs, snapshots, octets }: Restart): string =>
  `${name}: all ${snapshots} sidecars have their tables after ${(allMs / 1000).toFixed(2)} s ` +
  `(${(cpuMs / 1000).toFixed(2)} s CPU, ${(octets / 1e6).toFixed(1)} MB sent)`
