import { listen, type Listener } from '../../../transport/tcp.ts'
import { Arrivals, type VisitorListenerOptions } from './arrivals.ts'

/**
 * Accepts visitors of HTTP/1.1 and HTTP/2 on one port. Without TLS, the first bytes tell the version; with TLS, ALPN
 * does. Rejects with the system's error if it cannot listen.
 */
export async function listenForVisitors(options: VisitorListenerOptions): Promise<VisitorListener> {
  const arrivals = new Arrivals(options)
  const { host, port } = options
  const listener = await listen({ host, port }, (transport) => arrivals.accept(transport))
  return new VisitorListener(listener, arrivals)
}

/** An open listener of visitors. */
export class VisitorListener {
  readonly port: number
  readonly #listener: Listener
  readonly #arrivals: Arrivals

  constructor(listener: Listener, arrivals: Arrivals) {
    this.port = listener.port
    this.#listener = listener
    this.#arrivals = arrivals
  }

  /** Connections that no engine serves yet. */
  get openings(): number {
    return this.#arrivals.size
  }

  /**
   * Accepts no more connections. Those that have sent nothing yet become those of the HTTP/1.1 engine: stop it next.
   * Handshakes are cut off.
   */
  stop(): void {
    this.#listener.stop()
    this.#arrivals.stop()
  }
}
