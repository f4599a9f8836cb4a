import type { TlsOptions, VisitorListenerOptions } from './arrivals.ts'
import { listenForVisitors } from './listener.ts'

/** The listener of visitors with TLS. */
export interface HttpsOptions extends TlsOptions {
  readonly port: number
  /** Whether requests without TLS are redirected (308). Default: false. */
  readonly redirect?: boolean
  /** Returns the response to an ACME challenge of this token (RFC 8555, 8.3); undefined if it is not ours. Default: none. */
  readonly challengeFor?: ((token: string) => Promise<string | undefined>) | undefined
}

/** The open listeners of a worker. */
export interface VisitorListeners {
  readonly httpPort: number
  /** Undefined if there is no listener with TLS. */
  readonly httpsPort: number | undefined
  /** Accept no more connections, see {@link VisitorListener.stop}. */
  stop(): void
}

/** Opens the listener without TLS, and the one with TLS if it is wanted. */
export async function openListeners(
  plain: Omit<VisitorListenerOptions, 'tls'>,
  https: HttpsOptions | undefined,
): Promise<VisitorListeners> {
  const listener = await listenForVisitors(plain)
  const secure =
    https === undefined ? undefined : await listenForVisitors({ ...plain, port: https.port, tls: https })
  return {
    httpPort: listener.port,
    httpsPort: secure?.port,
    stop() {
      listener.stop()
      secure?.stop()
    },
  }
}

/** Where requests without TLS are redirected to, once the listeners are open. */
export class Redirect {
  #port: number | undefined = undefined

  /** Returns the port of HTTPS; undefined if nothing is redirected. */
  get port(): number | undefined {
    return this.#port
  }

  /** Redirects to the public port of HTTPS, or to that of the listener. */
  start({ protocol, port }: URL, httpsPort: number | undefined): void {
    this.#port = protocol === 'https:' ? Number(port || 443) : httpsPort
  }
}
