import type { Receiver } from '../transport/transport.ts'
import type { TunnelStream } from './stream.ts'

/** The result of a splice. */
export interface SpliceReport {
  /** Bytes from the opened stream to the other one, and back. */
  readonly forwardBytes: number
  readonly backwardBytes: number
  /** Why the splice was cut off; undefined if both directions ended normally. */
  readonly error: Error | undefined
}

type AnyStream = TunnelStream<unknown>

/**
 * Joins a stream that a peer opened here with one that we opened on another link. Frames pass from link to link, as do
 * ends, resets with their code and text, and the acceptance. The ends of the two streams agree on the credit, so bytes
 * wait here only while a link has no room. Call it in the handler of the opened stream, before anything arrives. There
 * is no limit of time: the opener has one. `onDone` is called once, after both streams have closed.
 */
export function splice(opened: AnyStream, onward: AnyStream, onDone?: (report: SpliceReport) => void): void {
  let error: Error | undefined
  const closed = (half: Half, other: Half, fault: Error | undefined): void => {
    error ??= fault
    if (other.over) {
      onDone?.({ forwardBytes: there.byteCount, backwardBytes: back.byteCount, error })
    } else if (fault !== undefined || !half.ended || !other.ended) other.from.destroy(fault)
  }
  const there: Half = new Half(opened, onward, (fault) => closed(there, back, fault))
  const back: Half = new Half(onward, opened, (fault) => closed(back, there, fault))
  opened.receiver = there
  onward.receiver = back
  onward.passCreditTo(opened)
  opened.passCreditTo(onward)
}

/** One direction. */
class Half implements Receiver {
  readonly from: AnyStream
  byteCount = 0
  ended = false
  over = false
  readonly #to: AnyStream
  readonly #closed: (error: Error | undefined) => void

  constructor(from: AnyStream, to: AnyStream, closed: (error: Error | undefined) => void) {
    this.from = from
    this.#to = to
    this.#closed = closed
  }

  onOpen(): void {
    this.#to.accept()
  }

  onData(data: Buffer): void {
    this.byteCount += data.length
    // The credit of the two streams is the same, so what waits is never more than the peer's window.
    this.#to.write(data)
  }

  onEnd(): void {
    this.ended = true
    this.#to.end()
  }

  onDrain(): void {}

  onClose(error?: Error): void {
    this.over = true
    this.#closed(error)
  }
}
