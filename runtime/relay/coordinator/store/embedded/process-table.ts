import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A running process: its parent, and its command line with spaces between the arguments. */
export interface RunningProcess {
  readonly parent: number
  readonly command: string
}

/** Looks a process up. Returns undefined if there is none, or if it is a zombie. */
export function findProcess(pid: number): RunningProcess | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  try {
    return process.platform === 'linux' ? readProc(pid) : askPs(pid)
  } catch {
    return undefined
  }
}

function readProc(pid: number): RunningProcess | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name of the program, in parentheses, may contain spaces and parentheses.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 2)
  if (state === 'Z' || state === 'X') return undefined
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  return { parent: Number(parent), command }
}

function askPs(pid: number): RunningProcess | undefined {
  const line = execFileSync('ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' })
  const [, parent, command] = /^\s*(\d+)\s+(.*)$/m.exec(line) ?? []
  return parent === undefined || command === undefined ? undefined : { parent: Number(parent), command }
}
