/** A connection or stream that keeps bytes for a peer that does not read them yet. */
export interface SlowReader {
  /** The bytes that count for it. Only this file uses this. */
  unreadBytes: number
  /** Ends the connection or the stream, because other peers need the memory. */
  cutUnread(error: Error): void
}

/** The limit of bytes that wait for peers that do not read. */
export interface UnreadLimits {
  /** Most bytes that may wait in total. Above it, the longest waiting reader is cut off. Default: 64 MiB. */
  readonly limitBytes: number
}

/** The defaults of {@link UnreadLimits}. */
export const DEFAULT_UNREAD_LIMITS: UnreadLimits = { limitBytes: 64 * 1024 * 1024 }

/** Receives the number of readers that were cut off since the last call. */
type CutListener = (count: number) => void

/** Shortest time between two calls of the listener. */
const REPORT_MS = 10_000

/** Largest read under memory pressure, so that little waits for each slow reader. */
export const TIGHT_READ_BYTES = 4 * 1024

/**
 * Bytes of this process that wait for peers that do not read: in sockets beyond the kernel's buffer, in streams of
 * tunnels, and in responses of HTTP/2. They share one limit. Above half of it, sockets are read in small pieces. Above
 * the limit, the reader that has waited longest is cut off. (Envoy resets the streams that use the most memory.)
 */
class UnreadBytes {
  /** See {@link UnreadLimits}. */
  limitBytes = DEFAULT_UNREAD_LIMITS.limitBytes
  /** True if reads should be small. */
  tight = false
  #used = 0
  #cuts = 0
  #reported = 0
  #reportedAtMs = Number.NEGATIVE_INFINITY
  #onCut: CutListener | undefined = undefined
  /** In the order in which they began to wait. */
  readonly #readers = new Set<SlowReader>()

  /** Bytes that wait at this moment. */
  get used(): number {
    return this.#used
  }

  /** Number of readers that were cut off. */
  get cuts(): number {
    return this.#cuts
  }

  /** Sets the limit and the listener. A process calls it when it starts. */
  bound(limitBytes: number, onCut: CutListener): void {
    this.limitBytes = limitBytes
    this.#onCut = onCut
  }

  /** Records how many bytes wait for a reader now. */
  keep(reader: SlowReader, bytes: number): void {
    this.#used += bytes - reader.unreadBytes
    reader.unreadBytes = bytes
    if (bytes > 0) this.#readers.add(reader)
    else this.#readers.delete(reader)
    this.tight = this.#used > this.limitBytes / 2
    if (this.#used > this.limitBytes) this.#makeRoom(reader)
  }

  #makeRoom(writing: SlowReader): void {
    for (const reader of this.#readers) {
      if (reader === writing) continue
      this.#readers.delete(reader)
      this.#used -= reader.unreadBytes
      reader.unreadBytes = 0
      this.#cuts++
      reader.cutUnread(new Error('the peer reads too slowly, and the memory for slow peers is used up'))
      if (this.#used <= this.limitBytes) break
    }
    this.#report()
  }

  #report(): void {
    const nowMs = performance.now()
    if (this.#cuts === this.#reported || nowMs - this.#reportedAtMs < REPORT_MS) return
    this.#onCut?.(this.#cuts - this.#reported)
    this.#reported = this.#cuts
    this.#reportedAtMs = nowMs
  }
}

/** One for the whole process, like its memory. */
export const unread = new UnreadBytes()
