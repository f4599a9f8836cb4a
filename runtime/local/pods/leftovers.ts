import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { NAMESPACE } from '../../process/temporary.ts'
import { RUN_VARIABLE } from './reaper.ts'

const MARK = new RegExp(`(?:^|\\0)${RUN_VARIABLE}=([0-9a-z]+)\\.(\\d+)\\.(\\d+)\\.`)

/** The mark of a new run of this process. It names the process, so that a later run recognises what it left behind. */
export function runMark(): string {
  return `${NAMESPACE}.${process.pid}.${startOf(process.pid) ?? 0}.${randomUUID()}`
}

/**
 * Ends the processes of runs whose own process is gone. The reaper of a run does that at once, unless it was killed as
 * well. Processes of other users cannot be read, and stay. Returns the ids of the ended processes.
 */
export function endLeftovers(): number[] {
  const ended: number[] = []
  for (const name of processIds()) {
    const pid = Number(name)
    if (pid === process.pid) continue
    const [, namespace, owner, startedAt] = MARK.exec(environOf(pid)) ?? []
    if (namespace !== NAMESPACE || owner === undefined || startOf(Number(owner)) === startedAt) continue
    try {
      process.kill(pid, 'SIGKILL')
      ended.push(pid)
    } catch {
      // It has ended in the meantime.
    }
  }
  return ended
}

/** Without /proc there are no network addresses for pods either, so there are no runs. */
function processIds(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return ''
  }
}

/** When a process started, in clock ticks since the boot (proc(5), field 22). Undefined if there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name of the program, which may contain anything, ends with the last parenthesis. The third field follows.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
