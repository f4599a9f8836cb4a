/** Someone who keeps bytes for a peer that does not read them yet. */
export interface SlowReader {
  /** What counts of it; for this file alone. */
  unreadBytes: number
  /** Ends the connection, or the stream: other peers need the memory. */
  cutUnread(error: Error): void
}

/** The bound of what waits for peers that do not read. */
export interface UnreadLimits {
  /** Bytes that may wait in all; the reader that has taken nothing for longest is cut. Default: 64 MiB. */
  readonly limitBytes: number
}

/** The defaults of {@link UnreadLimits}. */
export const DEFAULT_UNREAD_LIMITS: UnreadLimits = { limitBytes: 64 * 1024 * 1024 }

/** Who hears how many readers were cut since it was told last. */
export type CutListener = (count: number) => void

/** Between two calls of the listener. */
const TELL_MS = 10_000

/** Under pressure, one read is no larger: what waits for one slow reader is then as small. */
export const TIGHT_READ_BYTES = 4 * 1024

/**
 * Bytes of this process that wait for peers that do not read: in sockets beyond the kernel's buffer, in streams of
 * tunnels, in responses of HTTP/2. They have one sum. From half of its limit on, sockets are read in small pieces;
 * at the limit, the reader that has taken nothing for longest is cut. (Envoy, as a comparison, resets the streams that
 * use the most memory.)
 */
class UnreadBytes {
  /** As in {@link UnreadLimits}. */
  limitBytes = DEFAULT_UNREAD_LIMITS.limitBytes
  /** Whether reads are to be small. */
  tight = false
  #used = 0
  #cuts = 0
  #told = 0
  #toldAtMs = Number.NEGATIVE_INFINITY
  #onCut: CutListener | undefined = undefined
  /** In the order in which they began to wait. */
  readonly #readers = new Set<SlowReader>()

  /** Bytes that wait at this moment. */
  get used(): number {
    return this.#used
  }

  /** How many readers were cut. */
  get cuts(): number {
    return this.#cuts
  }

  /** Sets the limit, and who hears of cuts: for a process, when it starts. */
  bound(limitBytes: number, onCut: CutListener): void {
    this.limitBytes = limitBytes
    this.#onCut = onCut
  }

  /** So many bytes wait for a reader now. */
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
      reader.cutUnread(new Error('its peer reads too slowly, and the memory for such peers is used up'))
      if (this.#used <= this.limitBytes) break
    }
    this.#tell()
  }

  #tell(): void {
    const nowMs = performance.now()
    if (this.#cuts === this.#told || nowMs - this.#toldAtMs < TELL_MS) return
    this.#onCut?.(this.#cuts - this.#told)
    this.#told = this.#cuts
    this.#toldAtMs = nowMs
  }
}

/** Of the whole process, as memory is. */
export const unread = new UnreadBytes()
