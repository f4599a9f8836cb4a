import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const NAME = /^branchline-([a-z-]+)-([0-9a-z]+)-(\d+)-\w{6}$/

/**
 * Creates a folder `branchline-<kind>-…` for this process in `within` (default: the system's folder for temporary files),
 * and returns its path. The caller removes it. Also removes the folders that killed processes of the same user left behind. `kind`
 * consists of lower-case letters and hyphens.
 */
export function temporaryFolder(kind: string, within: string = tmpdir()): string {
  removeLeftovers(within)
  return mkdtempSync(join(within, `branchline-${kind}-${NAMESPACE}-${process.pid}-`))
}

/** Returns the folders of a kind that running processes of this user have made, in the order of their names. */
export function temporaryFoldersOf(kind: string): string[] {
  return readdirSync(tmpdir())
    .filter((name) => {
      const [, itsKind, namespace, pid] = NAME.exec(name) ?? []
      return itsKind === kind && namespace === NAMESPACE && pid !== undefined && isRunning(Number(pid))
    })
    .map((name) => join(tmpdir(), name))
    .filter(isOurs)
}

/** The namespace of process ids. Containers may share a folder for temporary files. */
export const NAMESPACE = processNamespace()

function processNamespace(): string {
  try {
    return Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? 0).toString(36)
  } catch {
    return '0'
  }
}

function removeLeftovers(within: string): void {
  for (const name of readdirSync(within)) {
    const [, , namespace, pid] = NAME.exec(name) ?? []
    if (namespace !== NAMESPACE || pid === undefined || isRunning(Number(pid))) continue
    const path = join(within, name)
    try {
      if (isOurs(path)) rmSync(path, { recursive: true, force: true })
    } catch {
      // Another process has removed it in the meantime, or it holds files of another user.
    }
  }
}

const isOurs = (path: string): boolean =>
  lstatSync(path, { throwIfNoEntry: false })?.uid === process.getuid?.()

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs as another user.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
