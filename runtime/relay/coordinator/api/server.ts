import { getRequestListener } from '@hono/node-server'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ConnectionGate } from '../../../process/connection-gate.ts'
import { createHttpServer, type HttpServerLimits } from '../../../process/http-server.ts'
import { createApp } from './app.ts'
import { Authenticator } from './authenticate.ts'
import { EventStreams } from './events.ts'
import type { ApiServices } from './services.ts'

/** Where the API listens. */
export interface ApiServerOptions extends ApiServices {
  readonly host: string
  /** 0: any. */
  readonly port: number
  readonly httpLimits?: Partial<HttpServerLimits>
}

/** The API on its listener. Workers' WebSockets may use the same server (`upgrade`). */
export interface ApiServer {
  readonly server: Server
  /** Bounds its connections. Those that have become WebSockets do not count. */
  readonly gate: ConnectionGate
  readonly url: string
  /** Ends event streams, lets requests in progress end, and closes the listener. */
  close(): Promise<void>
}

/** Serves the API. Rejects if the port is in use. */
export async function startApi(options: ApiServerOptions): Promise<ApiServer> {
  const { context, limits } = options
  const streams = new EventStreams(context.store, limits)
  const app = createApp(options, streams, new Authenticator(context.store, limits, options.counts))
  const { server, gate } = createHttpServer(
    { requestMs: limits.bodyMs, ...options.httpLimits },
    getRequestListener(app.fetch, { overrideGlobalObjects: false }),
  )
  server.on('request', (request, response) => {
    // An event stream lasts. It no longer waits for its place, and the API bounds their number itself.
    if (request.headers.accept?.includes('text/event-stream') === true) {
      gate.release(request.socket)
      response.once('close', () => gate.hold(request.socket))
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { address, port, family } = server.address() as AddressInfo
  return {
    server,
    gate,
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    close: async () => {
      streams.close()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      await closed
    },
  }
}
