import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender } from './contenders/contender.ts'
import { freePort } from '@branchline/runtime/testing/ports'
import { LOAD_CORE, type Running, startOn, stopAll } from './processes.ts'

/** The participants of a benchmark: the service, the running contenders, and why others are missing. */
export interface Contest {
  readonly folder: string
  readonly upstreamPort: number
  readonly running: ReadonlyMap<string, Running>
  readonly missing: readonly string[]
}

/**
 * Starts a service (a script that gets its port and the other arguments) on the load's core, and each contender in front
 * of it. Calls the measurement with them, and always stops all of them.
 */
export async function contest<T>(
  upstream: { readonly script: string; readonly args?: readonly string[] },
  contenders: readonly Contender[],
  routes: number,
  measure: (contest: Contest) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-bench-'))
  const upstreamPort = await freePort()
  const running = new Map<string, Running>()
  const missing: string[] = []
  let service: ChildProcess | undefined
  try {
    const args = [upstream.script, String(upstreamPort), ...(upstream.args ?? [])]
    service = await startOn(LOAD_CORE, process.execPath, args)
    for (const contender of contenders) {
      const reason = await contender.missing()
      if (reason !== undefined) missing.push(reason)
      else running.set(contender.name, await contender.start({ folder, upstreamPort, routes }))
    }
    return await measure({ folder, upstreamPort, running, missing })
  } finally {
    for (const each of running.values()) await each.stop()
    if (service !== undefined) await stopAll([service])
    await rm(folder, { recursive: true, force: true })
  }
}
