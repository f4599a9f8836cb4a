import { TIGHT_READ_BYTES, unread } from './unread-bytes.ts'

/** Largest size of one read: a body of 64 KiB, which many servers write at once, and its head. */
const READ_BYTES = 80 * 1024
/** Up to this size, a write is copied as a string, which Node hands to the system from the stack. */
export const COPY_BYTES = 16 * 1024
/** From this size on, bytes in a lent buffer are written from there. A string of them would be garbage of this size. */
export const IN_PLACE_BYTES = 2 * 1024
/** A socket that delivers this many bytes in one read counts as a bulk sender. */
const BULK_BYTES = 16 * 1024
/** A bulk sender returns its own buffer after this many small reads. */
const SMALL_READS = 8
/**
 * Buffers lent to bulk senders at one time. Further bulk senders use the shared buffer, and their large writes are
 * copied.
 */
const MAX_LENT = 100
const MAX_FREE = 16

/** Memory into which a socket reads. A pending write of it pins it. */
export interface ReadBuffer {
  readonly bytes: Buffer
  readonly lent: boolean
  pins: number
  /** No pending write refers to bytes from here on. */
  pinnedTo: number
}

const shared: ReadBuffer = { bytes: Buffer.allocUnsafeSlow(READ_BYTES), lent: false, pins: 0, pinnedTo: 0 }
/** A part of the shared buffer, used while bytes that wait for slow readers take too much memory. */
const small: ReadBuffer = {
  bytes: shared.bytes.subarray(0, TIGHT_READ_BYTES),
  lent: false,
  pins: 0,
  pinnedTo: 0,
}
const free: ReadBuffer[] = []
const MAX_VIEWS = 256
const views: (Buffer | undefined)[] = Array.from({ length: MAX_VIEWS }, () => undefined)
let lentCount = 0

/** The buffer of the `onData` call that is running. A write from it may pin the buffer instead of copying. */
export const reading: { current: ReadBuffer } = { current: shared }

/**
 * Chooses the buffer into which a socket reads next. All sockets share one buffer, which the next read of any of them
 * overwrites. A socket that delivers much at once is lent a buffer of its own, so that large writes need no copy: a
 * pending write pins the buffer, and the socket continues with another one.
 */
export class ReadBuffers {
  current: ReadBuffer = shared
  #smallReads = 0

  /** Call after each read of this many bytes. Returns the buffer for the next read. */
  next(count: number): Buffer {
    if (unread.tight || this.current === small) {
      const wanted = unread.tight ? small : shared
      if (this.current !== wanted) this.#replace(wanted)
      return wanted.bytes
    }
    if (count >= BULK_BYTES) {
      this.#smallReads = 0
      if (!this.current.lent || this.current.pins > 0) this.#replace(lend())
    } else if (this.current.lent) {
      if (++this.#smallReads >= SMALL_READS) this.#replace(shared)
      else if (this.current.pins > 0) this.#replace(lend())
    }
    return this.current.bytes
  }

  /**
   * Returns the first bytes of the buffer of the last read. Views of the shared buffer are cached by length and reused,
   * because requests and responses have few lengths and a receiver must not keep a view.
   */
  view(bytes: Buffer, count: number): Buffer {
    if (bytes !== shared.bytes) return bytes.subarray(0, count)
    const at = count % MAX_VIEWS
    const known = views[at]
    if (known !== undefined && known.length === count) return known
    return (views[at] = bytes.subarray(0, count))
  }

  /** Call when the socket has closed. */
  release(): void {
    this.#replace(shared)
  }

  #replace(by: ReadBuffer): void {
    const old = this.current
    this.current = by
    if (old.lent && old.pins === 0) giveBack(old)
    else if (old.lent) old.pins |= ORPHAN
  }
}

/** Set in `pins` of a buffer that no socket reads into any more. The last unpin returns the buffer. */
const ORPHAN = 1 << 20

/** Keeps a buffer as it is up to an offset until {@link unpin}. */
export function pin(buffer: ReadBuffer, to: number): void {
  buffer.pins++
  if (to > buffer.pinnedTo) buffer.pinnedTo = to
}

export function unpin(buffer: ReadBuffer): void {
  buffer.pins--
  if ((buffer.pins & ~ORPHAN) === 0) buffer.pinnedTo = 0
  if (buffer.pins === ORPHAN) {
    buffer.pins = 0
    giveBack(buffer)
  }
}

function lend(): ReadBuffer {
  if (lentCount >= MAX_LENT) return shared
  lentCount++
  return free.pop() ?? { bytes: Buffer.allocUnsafeSlow(READ_BYTES), lent: true, pins: 0, pinnedTo: 0 }
}

function giveBack(buffer: ReadBuffer): void {
  lentCount--
  if (free.length < MAX_FREE) free.push(buffer)
}

/** Returns how many buffers are lent to sockets or pinned by writes. For tests. */
export const lentBuffers = (): number => lentCount
