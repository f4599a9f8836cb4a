import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'

/** The variable that marks every process of a run, and their children unless they remove it. */
export const RUN_VARIABLE = 'BRANCHLINE_RUN'

// Reads until its input ends, which happens when the parent is gone, however it ended. Then it ends every registered
// process group and every process with the mark of the run, and removes the folder.
const SCRIPT = `
trap '' INT TERM HUP
groups=
while read -r group; do
  case $group in
    -*) next=; for one in $groups; do [ "$one" = "\${group#-}" ] || next="$next $one"; done; groups=$next ;;
    *) groups="$groups $group" ;;
  esac
done
each() {
  for one in $groups; do kill "-$1" -- "-$one" 2>/dev/null; done
  for environ in $(grep -slF "${RUN_VARIABLE}=$RUN" /proc/[0-9]*/environ 2>/dev/null); do
    pid=\${environ#/proc/}; pid=\${pid%/environ}
    [ "$pid" = $$ ] || kill "-$1" "$pid" 2>/dev/null && found=1
  done
}
for try in 1 2 3; do
  found=
  if [ $try = 1 ]; then each TERM; else each KILL; fi
  [ -n "$found$groups" ] || break
  sleep 0.3
done
rm -rf -- "$FOLDER"
`

/** Ensures that a run leaves no process and no file, even if it is killed. */
export class Reaper {
  readonly #child: ChildProcess

  constructor(run: string, folder: string) {
    this.#child = spawn('sh', ['-c', SCRIPT], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env['PATH'], RUN: run, FOLDER: folder },
    })
    this.#child.stdin?.on('error', () => undefined)
    this.#child.unref()
    ;(this.#child.stdin as Socket | null)?.unref()
  }

  /** Registers a process group to end with the run. */
  add(group: number): void {
    this.#child.stdin?.write(`${group}\n`)
  }

  /** Removes a process group that is gone, because its number may be reused. */
  remove(group: number): void {
    this.#child.stdin?.write(`-${group}\n`)
  }

  /** Ends the remaining processes and removes the folder. Resolves once that is done. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.ref()
    this.#child.stdin?.end()
    await ended
  }
}
