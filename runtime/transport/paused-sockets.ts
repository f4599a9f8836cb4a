import { readFile } from 'node:fs/promises'

/** Between two looks at sockets that are not read. A socket is looked at once it was not read for a whole interval. */
export const PAUSED_CHECK_MS = 5_000

/** A socket that may be paused, as seen from here. */
export interface PausedSocket {
  /** In which interval it was paused; for this file alone. */
  pausedAt: number
  /** In how many looks, one after the other, it was not found; for this file alone. */
  missed: number
  /** The number of its inode, undefined where it has none any more. */
  inode(): number | undefined
  /** The peer has sent its end, behind bytes that we have not read. */
  peerEnded(): void
  /** The connection is gone: reset by the peer, or given up by the system. */
  peerReset(): void
}

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6']
/** CLOSE_WAIT of the Linux kernel (include/net/tcp_states.h): the peer has ended its direction. */
const CLOSE_WAIT = '08'
const STATE_COLUMN = 3
const INODE_COLUMN = 9

/** A table that changes while it is read may leave out a connection, but not twice the same one. */
const MISSES = 2

const paused = new Set<PausedSocket>()
/** Whether a socket of ours was ever found: where the system counts inodes otherwise, each would seem to be gone. */
let isTableOurs = false
let interval = 0
let timer: NodeJS.Timeout | undefined

/**
 * The socket is not read from now on. Node does not tell of an end then, nor of a reset: libuv asks the system about
 * sockets that it reads or writes alone. So such sockets are looked up in the system's table of connections, which
 * only Linux has; elsewhere they are left to the limits of time.
 */
export function watchPaused(socket: PausedSocket): void {
  socket.pausedAt = interval
  socket.missed = 0
  paused.add(socket)
  timer ??= setInterval(() => void checkPaused(), PAUSED_CHECK_MS).unref()
}

/** The socket is read again, or closed. */
export function unwatchPaused(socket: PausedSocket): void {
  paused.delete(socket)
}

/** Looks at the sockets that were paused before the look before. Called by a timer, and by tests. */
export async function checkPaused(): Promise<void> {
  const before = interval++
  if (paused.size === 0) {
    clearInterval(timer)
    timer = undefined
    return
  }
  const waiting = Array.from(paused).filter(({ pausedAt }) => pausedAt < before)
  const states = waiting.length === 0 ? undefined : await readStates()
  if (states === undefined) return
  for (const socket of waiting) {
    // It may have been read, closed, or paused again meanwhile.
    if (!paused.has(socket) || socket.pausedAt >= before) continue
    const inode = socket.inode()
    if (inode === undefined) continue
    const state = states.get(inode)
    if (state === undefined) {
      if (isTableOurs && ++socket.missed === MISSES) socket.peerReset()
      continue
    }
    isTableOurs = true
    socket.missed = 0
    if (state === CLOSE_WAIT) socket.peerEnded()
  }
}

/** The state of each TCP connection by its inode; undefined where the system does not tell. */
async function readStates(): Promise<Map<number, string> | undefined> {
  try {
    const texts = await Promise.all(TABLES.map((path) => readFile(path, 'latin1')))
    const states = new Map<number, string>()
    for (const text of texts) addStates(states, text)
    return states
  } catch {
    return undefined
  }
}

function addStates(states: Map<number, string>, text: string): void {
  for (const line of text.split('\n').slice(1)) {
    const columns = line.trim().split(/ +/)
    const state = columns[STATE_COLUMN]
    if (state !== undefined) states.set(Number(columns[INODE_COLUMN]), state)
  }
}
