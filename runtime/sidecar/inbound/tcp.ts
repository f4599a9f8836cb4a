import { IGNORE, type Pipe, pipe, type Transport, type Upstream } from '../../http/index.ts'
import { EndpointUpstream } from '../balance.ts'
import { decideRaw } from '../decide.ts'
import type { Arrival, Surroundings } from './arrival.ts'

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

/**
 * Passes connections that are not HTTP/1.1 byte for byte, ends included. Each goes, by its caller's pod, to
 * the caller's override or to the app of this pod, and stays there.
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
  serve(client: Transport, { inbound, app }: Arrival, read?: Read): void {
    const routes = this.#around.routes()
    const callerKey = client.remoteAddress === undefined ? undefined : routes?.callerKey(client.remoteAddress)
    const { steps } = decideRaw(routes?.listener(inbound.port), callerKey)
    const upstreams = steps.flatMap((step): readonly Upstream[] =>
      step.kind === 'local' ? [app] : this.#around.balancer.pick(step.destination),
    )
    this.#around.metrics.connections.raw.inc()
    client.receiver = IGNORE
    client.pause()
    this.#dial(client, upstreams, 0, read)
  }

  #dial(client: Transport, upstreams: readonly Upstream[], index: number, read: Read | undefined): void {
    const upstream = upstreams[index]
    if (upstream === undefined) {
      const reason = upstreams.length === 0 ? 'no-endpoint' : 'unreachable'
      this.#around.metrics.upstreamFailure('', 'raw', reason)
      client.destroy(new Error('no endpoint could be reached'))
      this.#closed(client)
      return
    }
    if (index > 0) this.#around.metrics.fallback()
    const peer = upstream.dial()
    const timer = setTimeout(() => peer.destroy(new Error('connect timeout')), this.#limits.connectTimeoutMs)
    this.#open.set(client, () => {
      client.destroy(new Error('stopped'))
      peer.destroy()
    })
    peer.receiver = {
      ...IGNORE,
      onOpen: () => {
        clearTimeout(timer)
        if (upstream instanceof EndpointUpstream) upstream.succeeded()
        if (!client.closed) return this.#join(client, peer, read)
        peer.destroy()
        this.#closed(client)
      },
      onClose: () => {
        clearTimeout(timer)
        if (peer.opened) return
        if (upstream instanceof EndpointUpstream) upstream.failed('unreachable')
        if (client.closed) this.#closed(client)
        else this.#dial(client, upstreams, index + 1, read)
      },
    }
  }

  #join(client: Transport, peer: Transport, read: Read | undefined): void {
    const joined: Pipe = pipe(client, peer, {
      idleMs: this.#limits.idleTimeoutMs,
      onDone: () => this.#closed(client),
    })
    this.#open.set(client, () => joined.retire(this.#limits.retireMs, new Error('stopped')))
    client.resume()
    if (read === undefined) return
    // As if it had come just now: the pipe's own receiver forwards it.
    if (read.bytes.length > 0) client.receiver.onData(read.bytes)
    if (read.ended) client.receiver.onEnd()
  }

  #closed(client: Transport): void {
    this.#open.delete(client)
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
