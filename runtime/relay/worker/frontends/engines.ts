import { HttpEngine, type Limits, type UpstreamPool } from '../../../http1/index.ts'
import { Http2Engine, type Http2Limits } from '../../../http2/index.ts'
import type { FailureReply, Observer, Route } from '../../../proxy/decision.ts'
import { Http1Streams } from '../../../translate/index.ts'

export interface EnginesOptions {
  readonly route: Route
  readonly failure: FailureReply
  readonly observer: Observer
  readonly limits: { readonly http: Limits; readonly http2: Http2Limits }
  /** Connections of HTTP/1.1 to apps, for requests of both versions. */
  readonly pool: UpstreamPool
  /** Returns true for a request trailer that must not reach an app. */
  readonly refusesTrailer: (name: string) => boolean
  readonly via: string | undefined
}

/** The two engines behind all listeners of visitors. They share the routing, the limits and the connections to apps. */
export class VisitorEngines {
  readonly http1: HttpEngine
  readonly http2: Http2Engine
  readonly #most: number

  constructor({ route, failure, observer, limits, pool, refusesTrailer, via }: EnginesOptions) {
    const shared = { route, failure, observer, refusesTrailer, via }
    this.#most = limits.http.connections
    this.http1 = new HttpEngine({ ...shared, limits: limits.http, pool })
    this.http2 = new Http2Engine({
      ...shared,
      limits: limits.http2,
      http1: new Http1Streams(pool, limits.http),
    })
  }

  /** Open connections of visitors, of both versions. */
  get connections(): number {
    return this.http1.connections + this.http2.connections
  }

  /** True if there may be no further connection. An engine refuses it in its own version. */
  get full(): boolean {
    return this.connections >= this.#most
  }

  /** Lets idle connections to apps end whose tunnel takes no new streams. */
  retire(): void {
    this.http2.retire()
  }

  /** For this time, each response ends its connection, see {@link HttpEngine.leave}. */
  leave(forMs: number): void {
    this.http1.leave(forMs)
    if (forMs > 0) this.http2.leave()
  }

  /** Cuts all connections. WebSockets are closed with 1001. */
  cut(): void {
    this.http1.cut()
    this.http2.cut()
  }

  /** Stops both in order, see {@link HttpEngine.stop}. */
  async stop(): Promise<void> {
    await Promise.all([this.http1.stop(), this.http2.stop()])
  }
}
