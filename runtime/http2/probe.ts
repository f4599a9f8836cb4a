import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { queuedBytes } from '../transport/node-private.ts'

/**
 * Finds sessions that have ended without notice. If a peer breaks the protocol, nghttp2 sends its GOAWAY and neither
 * reads nor writes any more, and node:http2 does not report it, even after the peer has gone. Such a session does not
 * send a frame that it is given. A peer that is merely suspended (at a breakpoint) does not count.
 */
export class Probe {
  readonly #session: Http2Session
  readonly #socket: Duplex
  #waiting = false

  constructor(session: Http2Session, socket: Duplex) {
    this.#session = session
    this.#socket = socket
  }

  /** Call this periodically. Returns false if the session is over. Sends an empty SETTINGS. */
  alive(): boolean {
    if (this.#session.destroyed) return false
    if (!this.#waiting) {
      this.#waiting = true
      // gRPC servers do not count SETTINGS, unlike PINGs.
      this.#session.settings({}, () => {
        this.#waiting = false
      })
      return true
    }
    // A duplex without a handle keeps what its peer does not take.
    const blocked = this.#socket.writableLength > 0 || queuedBytes(this.#socket as Socket) > 0
    return blocked || (this.#session.state.outboundQueueSize ?? 0) === 0
  }
}
