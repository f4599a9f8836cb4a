import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type LocalRun, localRun } from '@branchline/wire/local-api'
import { temporaryFoldersOf } from '../process/temporary.ts'

/** A running embedded cluster that belongs to this user, and the socket of its API. */
export interface FoundRun extends LocalRun {
  readonly socket: string
}

/** Returns the path of the API's socket in the folder of a run. */
export const socketOf = (runFolder: string): string => join(runFolder, 'api.sock')

/** Makes a run visible to {@link findRuns}. Its folder is removed with it. */
export function writeRun(runFolder: string, folder: string, ports: readonly number[]): void {
  const run: LocalRun = {
    pid: process.pid,
    folder: resolve(folder),
    ports: [...ports],
    startedAt: new Date().toISOString(),
  }
  const file = join(runFolder, 'run.json')
  // A reader sees the whole file or none.
  writeFileSync(`${file}.new`, JSON.stringify(run), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Returns the running embedded clusters of this user on this machine, oldest first. */
export function findRuns(): FoundRun[] {
  return temporaryFoldersOf('run')
    .flatMap((runFolder) => {
      try {
        const run = localRun.parse(JSON.parse(readFileSync(join(runFolder, 'run.json'), 'utf8')))
        return [{ ...run, socket: socketOf(runFolder) }]
      } catch {
        // It is starting or ending.
        return []
      }
    })
    .toSorted((one, other) => one.startedAt.localeCompare(other.startedAt))
}
