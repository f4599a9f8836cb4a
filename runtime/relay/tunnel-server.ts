import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TUNNEL_PATH } from '@branchline/wire/names'
import { MAX_TUNNEL_MESSAGE, TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Logger } from '../process/log.ts'
import { type Credential, findCredential } from './credentials.ts'

// Not by `import`, which loads undici, too (runtime/process/admin.ts).
const { createServer, STATUS_CODES } = process.getBuiltinModule('node:http')

export interface TunnelServerOptions {
  readonly host: string
  readonly port: number
  /** Connections at a time. */
  readonly links: number
  readonly credentials: readonly Credential[]
  readonly logger: Logger
  readonly onSocket: (socket: WebSocket, credential: Credential) => void
}

export interface TunnelServer {
  readonly port: number
  /** Accepts no more, and cuts what has not become a WebSocket. */
  close(): Promise<void>
}

const HEAD_MS = 5_000

/**
 * Listens for clusters (wire/SPEC.md, 5). A connection becomes a WebSocket only once its credential has been
 * found right: 401 otherwise. Rejects where the port is taken.
 */
export async function serveTunnels(options: TunnelServerOptions): Promise<TunnelServer> {
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_TUNNEL_MESSAGE,
    skipUTF8Validation: true,
    handleProtocols: () => TUNNEL_SUBPROTOCOL,
  })
  const server = createServer({ requestTimeout: HEAD_MS, headersTimeout: HEAD_MS }, (_, response) => {
    response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end('WebSocket only\n')
  })
  server.maxConnections = options.links
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const judged = judge(request, options.credentials)
    if (typeof judged === 'number') {
      const from = request.socket.remoteAddress
      options.logger.warn({ status: judged, from }, 'a tunnel was refused')
      return refuse(socket, judged)
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => options.onSocket(webSocket, judged))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The credential, or the status of the refusal. The credential is asked for first: it guards what is there. */
function judge(request: IncomingMessage, credentials: readonly Credential[]): Credential | number {
  const credential = findCredential(credentials, request.headers.authorization)
  if (credential === undefined) return 401
  if ((request.url ?? '').split('?', 1)[0] !== TUNNEL_PATH) return 404
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  return offered.includes(TUNNEL_SUBPROTOCOL) ? credential : 400
}

function refuse(socket: Duplex, status: number): void {
  const challenge = status === 401 ? 'WWW-Authenticate: Bearer\r\n' : ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${challenge}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  )
}
