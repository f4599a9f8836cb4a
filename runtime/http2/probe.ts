import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { queuedBytes } from '../transport/node-private.ts'

/**
 * Finds sessions that have ended without a word: where a peer breaks the protocol, nghttp2 sends its GOAWAY
 * and neither reads nor writes any more, and node:http2 says nothing of it, not even when the peer has gone.
 * Such a session keeps a frame that it is given. A peer that stands still (at a breakpoint) is no such case.
 */
export class Probe {
  readonly #session: Http2Session
  readonly #socket: Socket
  #waiting = false

  constructor(session: Http2Session, socket: Socket) {
    this.#session = session
    this.#socket = socket
  }

  /** To be asked from time to time; false where the session is over. Sends an empty SETTINGS. */
  alive(): boolean {
    if (this.#session.destroyed) return false
    if (!this.#waiting) {
      this.#waiting = true
      // Unlike a PING, no server of gRPC counts it.
      this.#session.settings({}, () => {
        this.#waiting = false
      })
      return true
    }
    const blocked = queuedBytes(this.#socket) > 0
    return blocked || (this.#session.state.outboundQueueSize ?? 0) === 0
  }
}
