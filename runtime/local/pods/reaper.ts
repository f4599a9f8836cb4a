import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'

/** The variable that marks every process of a run, and of its children unless they drop it. */
export const RUN_VARIABLE = 'BRANCHLINE_RUN'

// Reads until its input ends, which it does when the parent is gone, however that ended. Then it ends every
// process group that it was told of, everything that bears the mark of the run, and removes the folder.
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

/** Sees to it that a run leaves no process and no file, even where it is killed. */
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

  /** From now on the process group is ended with the run. */
  add(group: number): void {
    this.#child.stdin?.write(`${group}\n`)
  }

  /** The process group is gone; its number may be another's soon. */
  remove(group: number): void {
    this.#child.stdin?.write(`-${group}\n`)
  }

  /** Ends what is left and removes the folder; resolves once that is done. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.ref()
    this.#child.stdin?.end()
    await ended
  }
}
