import { readFile } from 'node:fs/promises'

/**
 * Time between two checks of the sockets that are not read. A check covers a socket that was not read for a whole
 * interval.
 */
const PAUSED_CHECK_MS = 5_000

/** A socket that may be paused. */
export interface PausedSocket {
  /** The interval in which it was paused. Only this file uses it. */
  pausedAt: number
  /** The number of checks in a row that did not find it. Only this file uses it. */
  missed: number
  /** Returns the number of its inode; undefined if it has none any more. */
  inode(): number | undefined
  /** The peer has ended its direction; unread bytes precede that end. */
  peerEnded(): void
  /** The connection is gone: the peer reset it, or the system gave up on it. */
  peerReset(): void
}

const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6']
/** CLOSE_WAIT of the Linux kernel (include/net/tcp_states.h): the peer has ended its direction. */
const CLOSE_WAIT = '08'
const STATE_COLUMN = 3
const INODE_COLUMN = 9

/** A table that changes while it is read may lack a connection once, but not twice in a row. */
const MISSES = 2

const paused = new Set<PausedSocket>()
/**
 * True once the table contained one of our sockets. If the system numbers inodes differently, every socket would seem
 * to be gone.
 */
let isTableOurs = false
let interval = 0
let timer: NodeJS.Timeout | undefined

/**
 * Starts watching a socket that is no longer read. Node reports neither an end nor a reset of such a socket, because
 * libuv polls only sockets that it reads or writes. So we look such sockets up in the system's table of connections,
 * which only Linux has. On other systems, time limits end such connections.
 */
export function watchPaused(socket: PausedSocket): void {
  socket.pausedAt = interval
  socket.missed = 0
  paused.add(socket)
  timer ??= setInterval(() => void checkPaused(), PAUSED_CHECK_MS).unref()
}

/** Stops watching a socket that is read again or closed. */
export function unwatchPaused(socket: PausedSocket): void {
  paused.delete(socket)
}

/** Checks the sockets that were paused before the previous check. The timer calls it, and tests do. */
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
    // It may have been read, closed, or paused again in the meantime.
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

/** Returns the state of each TCP connection by inode; undefined if the system does not provide it. */
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
