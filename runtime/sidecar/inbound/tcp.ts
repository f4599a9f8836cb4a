import { IGNORE, type Transport, type Upstream } from '../../transport/transport.ts'
import { type Pipe, pipe } from '../../transport/pipe.ts'
import { decideRaw } from '../route/decide.ts'
import type { Arrival, Surroundings } from './arrival.ts'
import { RawDial, type RawDialOwner } from './raw-dial.ts'

/** The waits of raw connections, in milliseconds. */
export interface RawLimits {
  /** To reach one endpoint. Default: 3 s. */
  readonly connectTimeoutMs: number
  /** Without an octet either way. Long, since pools of databases keep quiet connections. Default: 24 h. */
  readonly idleTimeoutMs: number
  /** At stop, once what runs has had its time: to end. Default: 1 s. */
  readonly retireMs: number
}

export const DEFAULT_RAW_LIMITS: RawLimits = {
  connectTimeoutMs: 3_000,
  idleTimeoutMs: 24 * 3_600_000,
  retireMs: 1_000,
}

/** What was read of a connection before it was known to be raw. */
export interface Read {
  readonly bytes: Buffer
  /** Whether the client has sent its end already. */
  readonly ended: boolean
}

const NOTHING: Read = { bytes: Buffer.alloc(0), ended: false }

/**
 * Passes connections that are not HTTP byte for byte, ends included. Each goes, by its caller's pod, to the
 * caller's override or to the app of this pod, and stays there.
 */
export class RawConnections {
  readonly #around: Surroundings
  readonly #limits: RawLimits
  /** How each open connection is ended. */
  readonly #open = new Map<Transport, () => void>()
  #onIdle: (() => void) | undefined

  constructor(around: Surroundings, limits: Partial<RawLimits> = {}) {
    this.#around = around
    this.#limits = { ...DEFAULT_RAW_LIMITS, ...limits }
  }

  /** Takes over an accepted connection. */
  serve(client: Transport, arrival: Arrival, read = NOTHING): void {
    this.#begin(client)
    client.receiver = IGNORE
    client.pause()
    const dial = this.dial(client, arrival, {
      reached: (peer) => {
        if (!client.closed) return this.#join(client, peer, read, NOTHING)
        peer.destroy()
        this.#closed(client)
      },
      unreachable: (tried) => {
        this.#around.metrics.upstreamFailure('', 'raw', tried === 0 ? 'no-endpoint' : 'unreachable')
        client.destroy(new Error('no endpoint could be reached'))
        this.#closed(client)
      },
    })
    if (!this.#open.has(client)) return
    this.#open.set(client, () => {
      dial.cancel()
      client.destroy(new Error('stopped'))
      this.#closed(client)
    })
  }

  /** Opens the connection that one of this client would be joined with. */
  dial(client: Transport, { inbound, app }: Arrival, owner: RawDialOwner): RawDial {
    const routes = this.#around.routes()
    const callerKey = client.remoteAddress === undefined ? undefined : routes?.callerKey(client.remoteAddress)
    const { steps } = decideRaw(routes?.listener(inbound.port), callerKey)
    const upstreams = steps.flatMap((step): readonly Upstream[] =>
      step.kind === 'local' ? [app] : this.#around.balancer.pick(step.destination),
    )
    const dial: RawDial = new RawDial(upstreams, this.#limits.connectTimeoutMs, {
      reached: (peer) => {
        for (let failed = 0; failed < dial.failed; failed++) this.#around.metrics.fallback()
        owner.reached(peer)
      },
      unreachable: (tried) => owner.unreachable(tried),
    })
    return dial
  }

  /** Joins an accepted connection with one that was dialled for it, of which `heard` was read already. */
  join(client: Transport, peer: Transport, read: Read, heard: Read): void {
    this.#begin(client)
    this.#join(client, peer, read, heard)
  }

  #begin(client: Transport): void {
    this.#around.metrics.connections.raw.inc()
    this.#open.set(client, () => client.destroy(new Error('stopped')))
  }

  #join(client: Transport, peer: Transport, read: Read, heard: Read): void {
    const joined: Pipe = pipe(client, peer, {
      idleMs: this.#limits.idleTimeoutMs,
      onDone: () => this.#closed(client),
    })
    this.#open.set(client, () => joined.retire(this.#limits.retireMs, new Error('stopped')))
    client.resume()
    peer.resume()
    // As if it had come just now: the pipe's own receivers forward it.
    deliver(client, read)
    deliver(peer, heard)
  }

  #closed(client: Transport): void {
    if (!this.#open.delete(client)) return
    this.#around.metrics.connections.raw.dec()
    if (this.#open.size === 0) this.#onIdle?.()
  }

  /**
   * Lets open connections finish for so long, then ends those on which nothing moves, and cuts the others.
   * Accepting has to be over.
   */
  async stop(timeoutMs: number): Promise<void> {
    if (this.#open.size === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      timer = setTimeout(() => {
        timer = setTimeout(resolve, 2 * this.#limits.retireMs)
        for (const end of this.#open.values()) end()
      }, timeoutMs)
    })
    clearTimeout(timer)
  }
}

function deliver({ receiver }: Transport, { bytes, ended }: Read): void {
  if (bytes.length > 0) receiver.onData(bytes)
  if (ended) receiver.onEnd()
}
