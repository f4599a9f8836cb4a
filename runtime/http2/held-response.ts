import type { ServerHttp2Stream } from 'node:http2'
import { type SlowReader, unread } from '../transport/unread-bytes.ts'
import { CODE } from './errors.ts'

const responses = new WeakMap<ServerHttp2Stream, HeldResponse>()

/** Counts the bytes that wait in a response while its client does not read. */
export function countHeld(stream: ServerHttp2Stream): void {
  let response = responses.get(stream)
  if (response === undefined) responses.set(stream, (response = new HeldResponse(stream)))
  unread.keep(response, stream.writableLength)
}

class HeldResponse implements SlowReader {
  unreadBytes = 0
  readonly #stream: ServerHttp2Stream

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
    const over = (): void => unread.keep(this, 0)
    stream.on('drain', over).on('close', over)
  }

  cutUnread(): void {
    this.#stream.close(CODE.enhanceYourCalm)
  }
}
