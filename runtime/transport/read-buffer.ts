/** One read's size at most: a body of 64 KiB, which many servers write at once, with its head. */
export const READ_BYTES = 80 * 1024
/** Up to this size a write is copied by way of a string, which the system takes from the stack. */
export const COPY_BYTES = 16 * 1024
/** From this many octets in one read on, a socket is taken for a bulk sender. */
const BULK_BYTES = 16 * 1024
/** A bulk sender gives its own buffer back after so many small reads. */
const SMALL_READS = 8
/** Buffers lent to bulk senders at one time; further ones share, and their large writes are copied. */
const MAX_LENT = 100
const MAX_FREE = 16

/** Memory into which a socket reads. It is pinned while a write of it is pending. */
export interface ReadBuffer {
  readonly bytes: Buffer
  readonly lent: boolean
  pins: number
}

const shared: ReadBuffer = { bytes: Buffer.allocUnsafeSlow(READ_BYTES), lent: false, pins: 0 }
const free: ReadBuffer[] = []
const MAX_VIEWS = 256
const views: (Buffer | undefined)[] = Array.from({ length: MAX_VIEWS }, () => undefined)
let lentCount = 0

/** The buffer of the `onData` call that is running: what is written out of it may be pinned, not copied. */
export const reading: { current: ReadBuffer } = { current: shared }

/**
 * Which buffer a socket reads into next. All share one, which the next read of any of them overwrites; a
 * socket that delivers much at once is lent its own, so that large writes need not be copied: while such a
 * write is pending the buffer is pinned, and the socket goes on with another one.
 */
export class ReadBuffers {
  current: ReadBuffer = shared
  #smallReads = 0

  /** To be called after each read of so many octets; returns the bytes to read into next. */
  next(octets: number): Buffer {
    if (octets >= BULK_BYTES) {
      this.#smallReads = 0
      if (!this.current.lent || this.current.pins > 0) this.#replace(lend())
    } else if (this.current.lent) {
      if (++this.#smallReads >= SMALL_READS) this.#replace(shared)
      else if (this.current.pins > 0) this.#replace(lend())
    }
    return this.current.bytes
  }

  /**
   * The first octets of the buffer that was read into. Views of the shared buffer are kept by their length and
   * given again: requests and answers have few lengths, and whoever is given one may not keep it.
   */
  view(bytes: Buffer, octets: number): Buffer {
    if (bytes !== shared.bytes) return bytes.subarray(0, octets)
    const at = octets % MAX_VIEWS
    const known = views[at]
    if (known !== undefined && known.length === octets) return known
    return (views[at] = bytes.subarray(0, octets))
  }

  /** To be called when the socket is closed. */
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

/** Set in `pins` of a buffer that no socket reads into any more: its last pin gives it back. */
const ORPHAN = 1 << 20

export function pin(buffer: ReadBuffer): void {
  buffer.pins++
}

export function unpin(buffer: ReadBuffer): void {
  buffer.pins--
  if (buffer.pins === ORPHAN) {
    buffer.pins = 0
    giveBack(buffer)
  }
}

function lend(): ReadBuffer {
  if (lentCount >= MAX_LENT) return shared
  lentCount++
  return free.pop() ?? { bytes: Buffer.allocUnsafeSlow(READ_BYTES), lent: true, pins: 0 }
}

function giveBack(buffer: ReadBuffer): void {
  lentCount--
  if (free.length < MAX_FREE) free.push(buffer)
}

/** How many buffers are lent to sockets or pinned by writes, for tests. */
export const lentBuffers = (): number => lentCount
