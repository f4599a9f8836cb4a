import type { ServerHttp2Stream } from 'node:http2'

/**
 * Distinguishes the end of a request (END_STREAM) from a reset with "no error" for a stream whose response is complete,
 * because Node emits `end` for both. Node pushes the end while the stream is open, and the reset once it is closed.
 */
export class RequestEnd {
  seen: boolean

  /** Create it before the response is complete. Calls back once the end has arrived, at once or later. */
  constructor(stream: ServerHttp2Stream, onSeen: () => void) {
    this.seen = stream.state.remoteClose === 1
    if (this.seen) {
      onSeen()
      return
    }
    const push = stream.push.bind(stream)
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null && !stream.closed) {
        this.seen = true
        process.nextTick(onSeen)
      }
      return push(chunk, encoding)
    }
  }
}
