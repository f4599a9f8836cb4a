import { spawn } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StoreError } from '../errors.ts'
import type { Account } from './account.ts'
import { findProcess } from './process-table.ts'
import { runProgram } from './program.ts'
import type { Programs } from './programs.ts'

/** The user, who owns all tables. */
export const USER = 'branchline'

/** Small WAL files: a new folder has one, and needs 31 MB instead of 46. `C.UTF-8` sorts alike on all systems. */
const INITDB = [
  `--username=${USER}`,
  '--auth=trust',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--wal-segsize=1',
  '--no-instructions',
]

/** What creating data needs to know. */
export interface CreateOptions {
  readonly account: Account
  readonly programs: Programs
  /** Whether the data survives a crash of the system. */
  readonly durable: boolean
  /** A folder that keeps a copy of empty data, from which further data that is not durable is created. */
  readonly templates?: string
  readonly timeoutMs: number
}

/** Throws BL_RELAY_EMBEDDED if the data was written by another major version. Returns whether there is data. */
export function checkVersion(data: string, { major }: Programs): boolean {
  const file = join(data, 'PG_VERSION')
  if (!existsSync(file)) return false
  const found = readFileSync(file, 'utf8').trim()
  if (found === major) return true
  throw new StoreError(
    'BL_RELAY_EMBEDDED',
    `${data} was written by PostgreSQL ${found}, and this is PostgreSQL ${major}: use the version of Branchline that ` +
      'wrote it for `branchline relay backup`, then restore the backup into another state folder',
  )
}

let created = 0

/**
 * Creates the data in `<folder>/data`. It appears there only once it is complete. Throws BL_RELAY_EMBEDDED with the
 * output of initdb.
 */
export async function createData(folder: string, options: CreateOptions): Promise<void> {
  removeLeftovers(folder)
  const fresh = join(folder, `new-${process.pid}-${created++}`)
  const { durable, templates, programs } = options
  const template =
    durable || templates === undefined ? undefined : join(templates, `postgres-${programs.version}-1`)
  const copied = template !== undefined && existsSync(template) && (await copy(template, fresh))
  if (!copied) await initialise(fresh, options)
  if (template !== undefined && !copied) await keepTemplate(fresh, template)
  giveTo(options.account, fresh)
  moveInto(fresh, join(folder, 'data'), options.programs)
}

/** Another relay may have created the data in the meantime. Existing files are never removed. */
function moveInto(fresh: string, data: string, programs: Programs): void {
  try {
    renameSync(fresh, data)
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true })
    if (checkVersion(data, programs)) return
    throw new StoreError(
      'BL_RELAY_EMBEDDED',
      `${data} exists, but is no data of PostgreSQL: move it away, or give the relay another state folder`,
      { cause },
    )
  }
}

/** A start that was killed leaves its half-written folder. */
function removeLeftovers(folder: string): void {
  for (const name of readdirSync(folder)) {
    const [, pid] = /^new-(\d+)-\d+$/.exec(name) ?? []
    if (pid !== undefined && findProcess(Number(pid)) === undefined) {
      rmSync(join(folder, name), { recursive: true, force: true })
    }
  }
}

async function initialise(target: string, options: CreateOptions): Promise<void> {
  const { account, programs, durable, timeoutMs } = options
  mkdirSync(target, { mode: 0o700 })
  giveTo(account, target)
  const args = ['-D', target, ...INITDB, ...(durable ? [] : ['--no-sync'])]
  const { code, output } = await runProgram(account, programs.initdb, args, timeoutMs)
  if (code === 0) return
  rmSync(target, { recursive: true, force: true })
  throw new StoreError(
    'BL_RELAY_EMBEDDED',
    `The embedded PostgreSQL cannot create its data in ${target} (initdb exited with ${code}): ${output.trim()}`,
  )
}

/** Gives a folder and what is in it to the account's user. */
export function giveTo({ user }: Account, path: string): void {
  if (user === undefined) return
  chownSync(path, user.uid, user.gid)
  for (const entry of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
    chownSync(join(path, entry), user.uid, user.gid)
  }
}

/** Keeps a copy for later starts, which then take a tenth of the time. It does not matter if that fails. */
async function keepTemplate(fresh: string, template: string): Promise<void> {
  const partial = `${template}.${process.pid}`
  try {
    mkdirSync(dirname(template), { recursive: true, mode: 0o700 })
    if (await copy(fresh, partial)) renameSync(partial, template)
  } catch {
    rmSync(partial, { recursive: true, force: true })
  }
}

/** `cp` takes half of the time of `fs.cp`. Where it does not exist, initdb does the work. */
function copy(from: string, to: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn('cp', ['-R', from, to], { stdio: 'ignore' })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => {
      if (code !== 0) rmSync(to, { recursive: true, force: true })
      resolve(code === 0)
    })
  })
}
