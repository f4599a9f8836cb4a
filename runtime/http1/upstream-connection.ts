import { BodyFramer } from './message/body.ts'
import { HeadReader } from './message/head-reader.ts'
import type { Receiver, Transport } from '../transport/transport.ts'
import type { UpstreamPool } from './upstream-pool.ts'

/** Whom the events of an upstream connection go to while it serves a request. */
export interface UpstreamUser {
  upstreamOpened(): void
  upstreamData(view: Buffer): void
  /** The upstream sends nothing more, or the connection is closed; an error where it was not in peace. */
  upstreamOver(error: Error | undefined, closed: boolean): void
  upstreamDrained(): void
}

/** One connection to an upstream: in use by one exchange, or waiting in a pool, or neither and closed. */
export class UpstreamConnection implements Receiver {
  readonly transport: Transport
  readonly key: string
  readonly reader = new HeadReader(false)
  readonly body = new BodyFramer(true)
  readonly readsOn = true
  user: UpstreamUser | undefined = undefined
  pool: UpstreamPool | undefined = undefined
  idleSince = 0
  /** For how long it may wait, as far as its peer says. */
  keptMs = Number.POSITIVE_INFINITY
  /** True once it has served a request: it may be stale then. */
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

  /** Gives up on it: nobody hears of it again. */
  destroy(): void {
    this.user = undefined
    this.transport.destroy()
  }
}
