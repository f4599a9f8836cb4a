import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { Reaper } from './reaper.ts'

/** How long to wait for the rest of the output of a process that has ended, in milliseconds. */
const OUTPUT_TIMEOUT_MS = 250

/** The process to start. */
export interface ProcessOptions {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly reaper: Reaper
  /** Receives standard output, and standard error. */
  readonly onOutput: (stream: Readable) => void
}

/** How a process ended: with a code, by a signal, or because it could not start. */
export interface Exit {
  readonly code?: number
  readonly signal?: NodeJS.Signals
  readonly error?: string
}

/** A started process, the leader of its own group. */
export interface Started {
  readonly pid: number | undefined
  readonly exited: Promise<Exit>
  /** Signals only the process, like a kubelet. */
  signal(signal: NodeJS.Signals): void
  /** Kills the whole group at once. */
  killGroup(): void
}

/** Starts a process in its own group. When it exits, the rest of the group is killed. */
export function startProcess(options: ProcessOptions): Started {
  const [file, ...args] = options.argv
  const child = spawn(file as string, args, {
    env: options.env,
    cwd: options.cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  options.onOutput(child.stdout)
  options.onOutput(child.stderr)
  const { pid } = child
  if (pid !== undefined) options.reaper.add(pid)
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      if (pid === undefined) resolve({ error: error.message })
    })
    child.once('exit', (code, signal) => {
      // Like on a cluster, where the end of a container's first process ends all of them.
      if (pid !== undefined) send(-pid, 'SIGKILL')
      if (pid !== undefined) options.reaper.remove(pid)
      const exit = { ...(code !== null && { code }), ...(signal !== null && { signal }) }
      // Its last lines may still be in the pipes. A process that left the group may keep a pipe open.
      const timer = setTimeout(() => resolve(exit), OUTPUT_TIMEOUT_MS)
      child.once('close', () => {
        clearTimeout(timer)
        resolve(exit)
      })
    })
  })
  return {
    pid,
    exited,
    signal: (signal) => void (pid !== undefined && child.exitCode === null && send(pid, signal)),
    killGroup: () => void (pid !== undefined && send(-pid, 'SIGKILL')),
  }
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal)
  } catch {
    // The process is already gone, which is the purpose of the signal.
  }
}

/** How a process ended, for messages. */
export function describeExit({ code, signal, error }: Exit): string {
  if (error !== undefined) return `could not be started: ${error}`
  if (signal !== undefined) return `ended by ${signal}`
  return `exited with code ${code}`
}
