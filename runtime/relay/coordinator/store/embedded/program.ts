import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import type { Account } from './account.ts'

/** The end of a program: its exit code, and the last lines that it wrote. */
export interface Ended {
  readonly code: number | null
  readonly output: string
}

const KEPT_CHARACTERS = 4_000

/**
 * Starts a program of PostgreSQL in a process group of its own, so that Ctrl-C in a terminal reaches it only through us.
 * It gets none of our environment variables, because they may contain secrets.
 */
export function startProgram(
  account: Account,
  program: string,
  args: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  const [command, ...rest] = [...account.prefix, program, ...args] as [string, ...string[]]
  const env = { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C' }
  return spawn(command, rest, { ...account.user, stdio, env, cwd: '/', detached: true })
}

/** Runs a program until it ends or `timeoutMs` has passed. Rejects only if it cannot be started. */
export async function runProgram(
  account: Account,
  program: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<Ended> {
  const child = startProgram(account, program, args, ['ignore', 'pipe', 'pipe'])
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-KEPT_CHARACTERS)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { code, output }
  } finally {
    clearTimeout(timer)
  }
}
