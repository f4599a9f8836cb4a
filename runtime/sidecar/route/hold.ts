import { IGNORE, type Upstream } from '../../transport/transport.ts'
import { Backoff } from '../../process/backoff.ts'

/** The limits of held requests. */
export interface HoldLimits {
  /** The maximum requests that wait at a time. Further ones fall back immediately. Default: 256. */
  readonly requests: number
  /** The maximum bytes of all their heads. Requests beyond it fall back immediately. Default: 4 MiB. */
  readonly headBytes: number
  /** The time between two attempts to connect. Default: 50 ms, doubled up to 1 s. */
  readonly probe: { readonly firstMs: number; readonly maxMs: number }
  /** How long one attempt may take. Default: 1 s. */
  readonly probeTimeoutMs: number
}

export const DEFAULT_HOLD_LIMITS: HoldLimits = {
  requests: 256,
  headBytes: 4 * 1024 * 1024,
  probe: { firstMs: 50, maxMs: 1_000 },
  probeTimeoutMs: 1_000,
}

interface Held {
  readonly bytes: number
  readonly end: (goesOn: boolean) => void
}

/**
 * Requests that wait for a service to return. Only their heads are kept in memory. Meanwhile nothing is read from a
 * client beyond what it had already sent (one read), so its body waits at the client.
 */
export class Holds {
  readonly #limits: HoldLimits
  /** The waiting requests, by their heads. */
  readonly #held = new Map<object, Held>()
  #bytes = 0

  constructor(limits: Partial<HoldLimits> = {}) {
    this.#limits = { ...DEFAULT_HOLD_LIMITS, ...limits }
  }

  get size(): number {
    return this.#held.size
  }

  /**
   * Resolves to true when the request must be routed again: an upstream accepted a connection, the routes changed, or
   * the time is over. Resolves to false if its client has left. Undefined if the request may not wait.
   */
  wait(
    request: object,
    bytes: number,
    upstreams: readonly Upstream[],
    timeoutMs: number,
  ): Promise<boolean> | undefined {
    if (timeoutMs <= 0 || this.#held.size >= this.#limits.requests) return undefined
    if (this.#bytes + bytes > this.#limits.headBytes) return undefined
    return new Promise((resolve) => {
      const stopProbing = this.#probe(upstreams, () => this.#end(request, true))
      const timer = setTimeout(() => this.#end(request, true), timeoutMs)
      const end = (goesOn: boolean): void => {
        clearTimeout(timer)
        stopProbing()
        resolve(goesOn)
      }
      this.#held.set(request, { bytes, end })
      this.#bytes += bytes
    })
  }

  /** Ends the wait of a request whose client has left, if it waits. */
  release(request: object): void {
    this.#end(request, false)
  }

  #end(request: object, goesOn: boolean): void {
    const held = this.#held.get(request)
    if (held === undefined) return
    this.#held.delete(request)
    this.#bytes -= held.bytes
    held.end(goesOn)
  }

  /** Ends all waits, because the routes have changed or the process stops. */
  releaseAll(): void {
    for (const request of this.#held.keys()) this.#end(request, true)
  }

  /** Tries to connect to one endpoint after the other until one accepts, or until it is stopped. */
  #probe(upstreams: readonly Upstream[], found: () => void): () => void {
    if (upstreams.length === 0) return () => {}
    const { probe, probeTimeoutMs } = this.#limits
    const backoff = new Backoff(probe)
    let tries = 0
    let cancel = (): void => {}
    const next = (): void => {
      const timer = setTimeout(() => {
        const upstream = upstreams[tries++ % upstreams.length] as Upstream
        cancel = tryOnce(upstream, probeTimeoutMs, (reached) => (reached ? found() : next()))
      }, backoff.nextMs())
      cancel = () => clearTimeout(timer)
    }
    next()
    return () => cancel()
  }
}

function tryOnce(upstream: Upstream, timeoutMs: number, done: (reached: boolean) => void): () => void {
  const transport = upstream.dial()
  const timer = setTimeout(() => transport.destroy(), timeoutMs)
  const finish = (reached: boolean): void => {
    clearTimeout(timer)
    transport.receiver = IGNORE
    transport.destroy()
    done(reached)
  }
  transport.receiver = { ...IGNORE, onOpen: () => finish(true), onClose: () => finish(false) }
  return () => {
    clearTimeout(timer)
    transport.receiver = IGNORE
    transport.destroy()
  }
}
