import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { temporaryFolder } from '../../../../process/temporary.ts'
import { StoreError } from '../errors.ts'

/** The port, which is only a part of the socket's name. */
export const PORT = 5432
/** The room in `sockaddr_un.sun_path` without the closing zero: unix(7), and unix(4) on macOS. */
const PATH_BYTES = process.platform === 'linux' ? 107 : 103

/** A folder for the socket. Only this user can enter it. */
export interface SocketFolder {
  readonly path: string
  remove(): void
}

/** Creates a folder for the socket below the state, or a temporary one if the path would be too long for a socket. */
export function createSocketFolder(folder: string): SocketFolder {
  const path = join(folder, 'socket')
  if (fits(path)) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    chmodSync(path, 0o700)
    return { path, remove: () => undefined }
  }
  // TMPDIR may be long, too: that of a pod of `up` is, and that of macOS.
  for (const within of [tmpdir(), '/tmp']) {
    const temporary = temporaryIn(within)
    if (temporary !== undefined) return temporary
  }
  throw new StoreError(
    'BL_RELAY_EMBEDDED',
    `${path} and ${tmpdir()} are too long for a socket (${PATH_BYTES} bytes), and /tmp cannot be written: use a shorter state folder or TMPDIR`,
  )
}

/** A temporary folder. Undefined if its path would be too long, or if it cannot be made. */
function temporaryIn(within: string): SocketFolder | undefined {
  let path: string
  try {
    path = temporaryFolder('postgres', within)
  } catch {
    return undefined
  }
  const remove = (): void => rmSync(path, { recursive: true, force: true })
  if (fits(path)) return { path, remove }
  remove()
  return undefined
}

const fits = (folder: string): boolean => Buffer.byteLength(join(folder, `.s.PGSQL.${PORT}`)) <= PATH_BYTES
