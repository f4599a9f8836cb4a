import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { isWildcard, listeningSockets, socketTables } from './listeners.ts'

/** The most processes that are examined. */
const MAX_PROCESSES = 10_000

/**
 * The process that listens on a port of an IPv4 address or of all addresses, such as `node (process 4711)`. Undefined if
 * the system does not say, as for processes of other users.
 */
export function listenerAt(host: string, port: number): string | undefined {
  const sockets = socketsAt(socketTables(), host, port)
  if (sockets.size === 0) return undefined
  for (const pid of list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .slice(0, MAX_PROCESSES)) {
    const fds = `/proc/${pid}/fd`
    if (list(fds).some((fd) => sockets.has(linkOf(`${fds}/${fd}`)))) return `${nameOf(pid)} (process ${pid})`
  }
  return undefined
}

/** The names of the sockets that listen there, such as `socket:[12345]`, by the text of /proc/net/tcp and tcp6. */
export function socketsAt(tables: string, host: string, port: number): Set<string> {
  // A group of four bytes is a number in the order of the machine, which is little-endian.
  const address = Buffer.from(host.split('.').map(Number).toReversed()).toString('hex').toUpperCase()
  const isHere = (other: string): boolean =>
    other === address || other === `0000000000000000FFFF0000${address}` || isWildcard(other)
  const found = listeningSockets(tables).filter((socket) => socket.port === port && isHere(socket.address))
  return new Set(found.map(({ inode }) => `socket:[${inode}]`))
}

/** The name of its program. The name in `comm` is that of a thread, and programs change it. */
function nameOf(pid: string): string {
  try {
    return basename(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0', 1)[0] ?? '') || 'a process'
  } catch {
    return 'a process'
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function linkOf(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}
