import { readFileSync } from 'node:fs'

const LISTEN = '0A'
const WILDCARDS = new Set(['00000000', '00000000000000000000000000000000'])
/** 127.0.0.1 and ::1 in the form of proc(5) on little-endian machines. */
const LOCALHOST = new Set(['0100007F', '00000000000000000000000001000000'])

/** Whether processes listen on a port of all addresses, or of 127.0.0.1 or ::1. */
export interface Listeners {
  readonly wildcard: boolean
  readonly localhost: boolean
}

/** A listening socket: its address in the form of proc(5), its port, and its inode. */
export interface ListeningSocket {
  readonly address: string
  readonly port: number
  readonly inode: string
}

/** The listening sockets in the text of /proc/net/tcp or tcp6 (proc(5)). */
export function listeningSockets(text: string): ListeningSocket[] {
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    const [address = '', port = ''] = local.split(':')
    return state === LISTEN ? [{ address, port: Number.parseInt(port, 16), inode }] : []
  })
}

/** Whether an address in the form of proc(5) means all addresses. */
export const isWildcard = (address: string): boolean => WILDCARDS.has(address)

/** The listeners on a port, from the text of /proc/net/tcp and tcp6. */
export function parseListeners(text: string, port: number): Listeners {
  const addresses = listeningSockets(text).flatMap((socket) => (socket.port === port ? [socket.address] : []))
  return {
    wildcard: addresses.some(isWildcard),
    localhost: addresses.some((address) => LOCALHOST.has(address)),
  }
}

/** The listeners on a port of this machine. Without /proc it reports none. */
export function listenersAt(port: number): Listeners {
  return parseListeners(socketTables(), port)
}

/** The text of /proc/net/tcp and tcp6. Empty without /proc. */
export function socketTables(): string {
  let text = ''
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    try {
      text += readFileSync(file, 'utf8')
    } catch {
      // Not Linux, or no IPv6.
    }
  }
  return text
}
