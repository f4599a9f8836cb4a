import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { bundle } from '../../bundle.ts'
import { LOAD_CORE } from '../processes.ts'
import { median, printTable, printVerdicts, type Verdict } from '../verdict.ts'
import type { ControlResult, Restart } from './result.ts'
import { freePorts } from '@branchline/runtime/testing/ports'

/** The manager's core. The load has the other one. */
const MANAGER_CORE = '0'
const TARGET_MS = 100
const PLAN_TARGET_MS = 10
const root = join(import.meta.dirname, '../../..')

/**
 * Measures the control plane with 1,000 branches on 200 services and 1,000 sidecars on real sockets: the time from a
 * change to the last acknowledgement, and its cost.
 */
export async function control({ runs }: { runs: number }): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'))
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
    print(result, verdicts)
    return { ...result, verdicts }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function judge({ kinds }: ControlResult): Verdict[] {
  return kinds.flatMap(({ name, scope, p99Ms, planP99Ms }) => [
    ...(scope === 'service' ? [below(`${name}: p99 < ${TARGET_MS} ms`, p99Ms, TARGET_MS)] : []),
    ...(scope !== 'many'
      ? [below(`${name}: plan p99 ≤ ${PLAN_TARGET_MS} ms`, planP99Ms, PLAN_TARGET_MS + 0.1)]
      : []),
  ])
}

const below = (target: string, ms: number, limitMs: number): Verdict => ({
  target,
  reached: `${ms.toFixed(1)} ms`,
  met: ms < limitMs,
})

function print(result: ControlResult, verdicts: readonly Verdict[]): void {
  const { branches, services, overrides, sidecars } = result
  console.log(`${branches} branches × ${overrides} overrides of ${services} services, ${sidecars} sidecars`)
  printTable(
    ['change', 'count', 'p50 ms', 'p99 ms', 'max ms', 'plan p99 ≤ ms', 'CPU ms', 'deltas', 'bytes each'],
    result.kinds.map((it) => [
      it.name,
      it.count,
      ...[it.p50Ms, it.p99Ms, it.maxMs, it.planP99Ms, it.cpuMs, it.deltas].map((figure) => figure.toFixed(1)),
      it.bytes.toFixed(0),
    ]),
  )
  console.log(startLine('first start', result.first))
  console.log(
    startLine(
      'restart (median)',
      median(result.restarts, ({ allMs }) => allMs),
    ),
  )
  console.log(
    `manager: ${result.idleMb.toFixed(0)} MB at rest, ${result.loadMb.toFixed(0)} MB after all; ` +
      `${result.statuses} statuses written`,
  )
  printVerdicts(verdicts)
}

const startLine = (name: string, { allMs, cpuMs, snapshots, bytes }: Restart): string =>
  `${name}: all ${snapshots} sidecars have their tables after ${(allMs / 1000).toFixed(2)} s ` +
  `(${(cpuMs / 1000).toFixed(2)} s CPU, ${(bytes / 1e6).toFixed(1)} MB sent)`
