import { IGNORE, type Transport, type Upstream } from '../../transport/transport.ts'
import { type Pipe, pipe } from '../../transport/pipe.ts'
import { Reach } from '../../transport/reach.ts'
import { EndpointUpstream } from '../route/balance.ts'
import { decideRaw } from '../route/decide.ts'
import { callerAddress } from '../route/key.ts'
import type { EntryPort, SidecarContext } from './context.ts'

/** The waits of raw connections, in milliseconds. */
export interface RawLimits {
  /** How long to try to connect to one endpoint. Default: 3 s. */
  readonly connectTimeoutMs: number
  /** How long a connection may be idle. Long, because database pools keep idle connections. Default: 24 h. */
  readonly idleTimeoutMs: number
  /** How long a connection has to end after the drain timeout of a stopping sidecar. Default: 1 s. */
  readonly retireMs: number
}

export const DEFAULT_RAW_LIMITS: RawLimits = {
  connectTimeoutMs: 3_000,
  idleTimeoutMs: 24 * 3_600_000,
  retireMs: 1_000,
}

/** Receives the result of {@link RawConnections.dial}. */
export interface RawDialOwner {
  /** The transport is open. Set its receiver at once. */
  reached(peer: Transport): void
  /** None of the upstreams accepted the connection, and this many were tried. */
  unreachable(tried: number): void
}

/** The data that was read from a connection before it was known to be raw. */
export interface EarlyData {
  readonly bytes: Buffer
  /** Whether the peer has already ended its direction. */
  readonly ended: boolean
}

const NOTHING: EarlyData = { bytes: Buffer.alloc(0), ended: false }

/**
 * Forwards connections that are not HTTP, byte for byte, including their ends. The caller's pod decides whether a
 * connection goes to the caller's override or to this pod's app. It stays there.
 */
export class RawConnections {
  readonly #context: SidecarContext
  readonly #limits: RawLimits
  /** A function to end each open connection. */
  readonly #open = new Map<Transport, () => void>()
  #onIdle: (() => void) | undefined

  constructor(context: SidecarContext, limits: Partial<RawLimits> = {}) {
    this.#context = context
    this.#limits = { ...DEFAULT_RAW_LIMITS, ...limits }
  }

  /** Takes over an accepted connection. */
  serve(client: Transport, entry: EntryPort, early = NOTHING): void {
    this.#begin(client)
    client.receiver = IGNORE
    client.pause()
    const dial = this.dial(client, entry, {
      reached: (peer) => {
        if (!client.closed) return this.#join(client, peer, early, NOTHING)
        peer.destroy()
        this.#closed(client)
      },
      unreachable: (tried) => {
        this.#context.metrics.upstreamFailure('', 'raw', tried === 0 ? 'no-endpoint' : 'unreachable')
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

  /** Opens the connection to which this client's connection would be joined. */
  dial(client: Transport, { inbound, app }: EntryPort, owner: RawDialOwner): Reach {
    const routes = this.#context.routes()
    const callerKey = client.remoteAddress === undefined ? undefined : routes?.callerKey(client.remoteAddress)
    const listener = routes?.listener(inbound.port)
    const { steps, wanted } = decideRaw(listener, callerKey)
    if (listener !== undefined && client.remoteAddress !== undefined) {
      const environment = wanted?.environment ?? routes?.environment ?? ''
      this.#context.recorder.raw(listener.service, callerAddress(client.remoteAddress), environment)
    }
    const upstreams = steps.flatMap((step): readonly Upstream[] =>
      step.kind === 'local' ? [app] : this.#context.balancer.pick(step.destination),
    )
    return new Reach(upstreams, this.#limits.connectTimeoutMs, {
      accepted: (upstream) => upstream instanceof EndpointUpstream && upstream.succeeded(),
      refused: (upstream) => upstream instanceof EndpointUpstream && upstream.failed('unreachable'),
      reached: (peer, failed) => {
        for (let count = 0; count < failed; count++) this.#context.metrics.fallback()
        owner.reached(peer)
      },
      unreachable: (tried) => owner.unreachable(tried),
    })
  }

  /** Joins an accepted connection with one that was dialled for it, from which `peerEarly` has already been read. */
  join(client: Transport, peer: Transport, early: EarlyData, peerEarly: EarlyData): void {
    this.#begin(client)
    this.#join(client, peer, early, peerEarly)
  }

  #begin(client: Transport): void {
    this.#context.metrics.connections.raw.inc()
    this.#open.set(client, () => client.destroy(new Error('stopped')))
  }

  #join(client: Transport, peer: Transport, early: EarlyData, peerEarly: EarlyData): void {
    const joined: Pipe = pipe(client, peer, {
      idleMs: this.#limits.idleTimeoutMs,
      onDone: () => this.#closed(client),
    })
    this.#open.set(client, () => joined.retire(this.#limits.retireMs, new Error('stopped')))
    client.resume()
    peer.resume()
    // Deliver the early data as if it had just arrived, so that the pipe's receivers forward it.
    deliver(client, early)
    deliver(peer, peerEarly)
  }

  #closed(client: Transport): void {
    if (!this.#open.delete(client)) return
    this.#context.metrics.connections.raw.dec()
    if (this.#open.size === 0) this.#onIdle?.()
  }

  /**
   * Lets open connections finish within `timeoutMs`. Then it ends idle ones, and cuts the others. Call it after
   * accepting has ended.
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

function deliver({ receiver }: Transport, { bytes, ended }: EarlyData): void {
  if (bytes.length > 0) receiver.onData(bytes)
  if (ended) receiver.onEnd()
}
