import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { Reaper } from './reaper.ts'

/** What is started. */
export interface ProcessOptions {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly reaper: Reaper
  /** Takes standard output, and standard error. */
  readonly onOutput: (stream: Readable) => void
}

/** How a process ended: by itself with a code, by a signal, or it never began. */
export interface Exit {
  readonly code?: number
  readonly signal?: NodeJS.Signals
  readonly error?: string
}

/** A started process, the leader of a group of its own. */
export interface Started {
  readonly pid: number | undefined
  readonly exited: Promise<Exit>
  /** Signals the process alone, as a kubelet does. */
  signal(signal: NodeJS.Signals): void
  /** Ends the whole group at once. */
  killGroup(): void
}

/** Starts a process in a group of its own. What is left of the group when it exits is ended too. */
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
      // As on a cluster, where the end of a container's first process is the end of all of them.
      if (pid !== undefined) send(-pid, 'SIGKILL')
      if (pid !== undefined) options.reaper.remove(pid)
      resolve({ ...(code !== null && { code }), ...(signal !== null && { signal }) })
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
    // It is gone, which is what a signal is to bring about.
  }
}

/** How a process ended, for people. */
export function describeExit({ code, signal, error }: Exit): string {
  if (error !== undefined) return `could not be started: ${error}`
  if (signal !== undefined) return `ended by ${signal}`
  return `exited with code ${code}`
}
