import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { which } from 'zx'

/** The core of the contender, and the core of the load and the service. */
export const PROXY_CORE = '0'
export const LOAD_CORE = '1'

/** A running contender: its port and its processes. */
export interface Running {
  readonly port: number
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** Starts a process on a core and waits for the first line that it prints. */
export async function startOn(core: string, command: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn('taskset', ['-c', core, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  await Promise.race([once(child.stdout, 'data'), failed(child, command)])
  return child
}

/** Rejects when the process ends. */
export async function failed(child: ChildProcess, command: string): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null]
  throw new Error(`${command} ended with ${code} before it was ready`)
}

/** Kills processes and waits for their end. */
export async function stopAll(processes: readonly ChildProcess[]): Promise<void> {
  for (const child of processes) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
}

/** Time for a process to stop what it has started. */
const STOP_MS = 10_000

/** Asks a process to stop, and kills it if it takes too long. */
export async function stopGently(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  clearTimeout(timer)
}

/** Starts a server on the contender's core and waits for its port. */
export async function startDaemon(port: number, command: string, args: readonly string[]): Promise<Running> {
  const child = spawn('taskset', ['-c', PROXY_CORE, command, ...args], { stdio: 'ignore' })
  await Promise.race([listening(port), failed(child, command)])
  return { port, pids: [child.pid as number], stop: () => stopAll([child]) }
}

/** Resolves when the port accepts connections. */
export async function listening(port: number, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1' })
    try {
      await once(socket, 'connect')
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`nothing listens on ${port}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 5))
    } finally {
      socket.destroy()
    }
  }
}

/** Returns how to install a missing command, or undefined if it is installed. */
export const installed = (command: string, how: string) => async (): Promise<string | undefined> =>
  (await which(command, { nothrow: true })) === null ? `${command} is not installed: ${how}` : undefined

/**
 * Returns the CPU seconds and the memory in MB of processes. CPU time has the precision of nanoseconds if the kernel
 * provides schedstat per thread. Its ticks of 10 ms are too coarse for a second.
 */
export async function usage(pids: readonly number[]): Promise<{ cpuSeconds: number; rssMb: number }> {
  let cpuSeconds = 0
  let rssMb = 0
  for (const pid of pids) {
    cpuSeconds += (await threadSeconds(pid)) ?? (await tickSeconds(pid))
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    rssMb += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  }
  return { cpuSeconds, rssMb }
}

/** Linux, Documentation/scheduler/sched-stats: the first field is the time on the CPU. */
async function threadSeconds(pid: number): Promise<number | undefined> {
  try {
    const threads = await readdir(`/proc/${pid}/task`)
    const lines = await Promise.all(
      threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')),
    )
    return lines.reduce((sum, line) => sum + Number(line.split(' ')[0]) / 1e9, 0)
  } catch {
    return undefined
  }
}

/** proc(5), stat: utime and stime. */
async function tickSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
