import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { StoreError } from '../errors.ts'

/** The user id of `nobody` on Linux and in containers. */
const NOBODY = 65_534

/** As whom PostgreSQL runs: it refuses root, and initdb refuses a user without a name. */
export interface Account {
  /** A command in front of the program. Empty if it is not needed. */
  readonly prefix: readonly string[]
  /** Another user, to whom the folders must belong. Absent: our own user. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/**
 * Finds an account that PostgreSQL accepts. An ordinary user keeps their own. Root, and a user without a name, become
 * `nobody` in a user namespace, in which the files still belong to the real user. Where the system does not allow
 * namespaces, root's server runs as the user `postgres` or `nobody`. `program` is
 * run to see whether that works. Throws BL_RELAY_EMBEDDED if nothing does.
 */
export async function findAccount(program: string): Promise<Account> {
  const root = process.getuid?.() === 0
  if (!root && hasName()) return { prefix: [] }
  const prefix = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`]
  if (await runs([...prefix, program, '--version'])) return { prefix }
  if (root) return { prefix: [], user: otherUser() }
  throw new StoreError(
    'BL_RELAY_EMBEDDED',
    `The embedded PostgreSQL does not run as user ${process.getuid?.()}, who has no name in /etc/passwd: ` +
      'run the relay as another user, or set DATABASE_URL to use a server of your own',
  )
}

function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

function otherUser(): { uid: number; gid: number } {
  const users = readPasswd()
  return users.get('postgres') ?? users.get('nobody') ?? { uid: NOBODY, gid: NOBODY }
}

function readPasswd(): Map<string, { uid: number; gid: number }> {
  try {
    const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
    return new Map(
      lines.map((line) => {
        const [name = '', , uid, gid] = line.split(':')
        return [name, { uid: Number(uid), gid: Number(gid) }]
      }),
    )
  } catch {
    return new Map()
  }
}

function runs([command, ...args]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command as string, args, { stdio: 'ignore' })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}
