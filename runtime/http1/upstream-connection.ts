import { BodyFramer } from './message/body.ts'
import { HeadReader } from './message/head-reader.ts'
import type { Receiver, Transport } from '../transport/transport.ts'

/** Receives the events of an upstream connection while it serves a request. */
export interface UpstreamUser {
  upstreamOpened(): void
  upstreamData(view: Buffer): void
  /** The upstream sends nothing more, or the connection is closed. There is an error if it did not end normally. */
  upstreamOver(error: Error | undefined, closed: boolean): void
  upstreamDrained(): void
}

/** The pool in which an upstream connection waits. */
export interface ConnectionPool {
  /** Closes and forgets a waiting connection that was closed or sent bytes. */
  drop(connection: UpstreamConnection): void
}

/** One connection to an upstream: in use by one exchange, waiting in a pool, or closed. */
export class UpstreamConnection implements Receiver {
  readonly transport: Transport
  readonly key: string
  readonly reader = new HeadReader(false)
  readonly body = new BodyFramer(true)
  readonly readsOn = true
  user: UpstreamUser | undefined = undefined
  pool: ConnectionPool | undefined = undefined
  idleSince = 0
  /** How long it may wait, according to its peer. */
  keptMs = Number.POSITIVE_INFINITY
  /** True once it has served a request, so that it may be stale. */
  used = false

  constructor(transport: Transport, key: string) {
    this.transport = transport
    this.key = key
    transport.receiver = this
  }

  onOpen(): void {
    this.user?.upstreamOpened()
  }

  onData(view: Buffer): void {
    if (this.user === undefined) this.pool?.drop(this)
    else this.user.upstreamData(view)
  }

  onEnd(): void {
    if (this.user === undefined) this.pool?.drop(this)
    else this.user.upstreamOver(undefined, false)
  }

  onDrain(): void {
    this.user?.upstreamDrained()
  }

  onClose(error?: Error): void {
    if (this.user === undefined) this.pool?.drop(this)
    else this.user.upstreamOver(error, true)
  }

  /** Closes the connection without further events. */
  destroy(): void {
    this.user = undefined
    this.transport.destroy()
  }
}
