import { pipe, type Pipe } from '../../../transport/pipe.ts'
import { Reach } from '../../../transport/reach.ts'
import type { Transport, Upstream } from '../../../transport/transport.ts'

/** Waits of a TCP connection through a circuit, in milliseconds. */
export interface TcpLimits {
  /** Longest time to connect to one target. Then the next one is tried. Default: 8 s. */
  readonly connectMs: number
  /** Longest time without a byte in either direction. Default: 1 h. */
  readonly idleMs: number
}

export const DEFAULT_TCP_LIMITS: TcpLimits = { connectMs: 8_000, idleMs: 3_600_000 }

/** Learns what becomes of a TCP connection. */
export interface TcpListener<U extends Upstream> {
  /** This upstream accepted the connection. */
  reached(upstream: U): void
  /** This upstream did not. */
  refused(upstream: U): void
  /** The connection is over. Called once, also if none was reached. */
  over(bytes: { readonly forwardBytes: number; readonly backwardBytes: number }): void
}

/** A running TCP connection. */
export interface TcpConnection {
  /** Ends it within this time, see {@link Pipe.retire}. */
  retire(withinMs: number, error: Error): void
}

/**
 * Joins a client with the first of these upstreams that accepts the connection. Half-close passes through, and so does
 * an abort. Until an upstream is reached, nothing is read from the client, so its bytes wait in the system.
 */
export function joinTcp<U extends Upstream>(
  client: Transport,
  upstreams: readonly U[],
  limits: TcpLimits,
  listener: TcpListener<U>,
): TcpConnection {
  return new Joining(client, upstreams, limits, listener)
}

class Joining<U extends Upstream> implements TcpConnection {
  readonly #listener: TcpListener<U>
  readonly #client: Transport
  readonly #reach: Reach<U>
  #pipe: Pipe | undefined = undefined
  #over = false

  constructor(client: Transport, upstreams: readonly U[], limits: TcpLimits, listener: TcpListener<U>) {
    this.#client = client
    this.#listener = listener
    client.pause()
    client.receiver = {
      onOpen: () => {},
      onData: () => {},
      onEnd: () => {},
      onDrain: () => {},
      onClose: () => this.#end(NOTHING),
      // It has left, or waits for a response to bytes that no target has received. Only the pipe may tell.
      onEndUnread: () => {},
    }
    let last: U | undefined
    this.#reach = new Reach(upstreams, limits.connectMs, {
      accepted: (upstream) => (last = upstream),
      refused: (upstream) => listener.refused(upstream),
      reached: (transport) => {
        if (last !== undefined) listener.reached(last)
        this.#pipe = pipe(client, transport, { idleMs: limits.idleMs, onDone: (report) => this.#end(report) })
        client.resume()
      },
      // A reset says that this is no end of the target's data.
      unreachable: () => client.destroy(new Error('no target accepted the connection')),
    })
  }

  retire(withinMs: number, error: Error): void {
    if (this.#pipe === undefined) this.#client.destroy(error)
    else this.#pipe.retire(withinMs, error)
  }

  #end(bytes: { readonly forwardBytes: number; readonly backwardBytes: number }): void {
    if (this.#over) return
    this.#over = true
    if (this.#pipe === undefined) this.#reach.cancel()
    this.#listener.over(bytes)
  }
}

const NOTHING = { forwardBytes: 0, backwardBytes: 0 }
