import type { IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { ConnectionGate } from './connection-gate.ts'
import { createHttpServer, type HttpServerLimits } from './http-server.ts'

const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** What a connection to a {@link listenForUpgrades} server may cost before, and while, it is a WebSocket. */
export interface UpgradeLimits extends Pick<HttpServerLimits, 'headMs' | 'waiting' | 'waitingPerAddress'> {
  /** WebSockets at one time, counted apart from connections that are none yet; more are refused with 503. */
  readonly accepted: number
  /** For a refused peer to read its answer and to close, before it is cut. Default: 1 s. */
  readonly refusedMs: number
}

/** What becomes of a request for an upgrade: a WebSocket for `accept`, or a status. */
export type Verdict = { readonly accept: (socket: WebSocket) => void } | { readonly status: number }

export interface UpgradeOptions {
  readonly host: string
  readonly port: number
  readonly limits: UpgradeLimits
  readonly webSocket: Pick<
    ServerOptions,
    'maxPayload' | 'handleProtocols' | 'skipUTF8Validation' | 'clientTracking'
  >
  /**
   * Judges a request before anything is answered. The socket may be gone once a promise resolves; `accept` is
   * not called then. A throw is a 500, and told to `onFault`.
   */
  readonly judge: (request: IncomingMessage) => Verdict | Promise<Verdict>
  readonly onFault?: (error: unknown) => void
}

/** A listener for WebSockets alone. */
export interface UpgradeServer {
  readonly port: number
  /** WebSockets that are open. */
  readonly accepted: number
  readonly sockets: WebSocketServer
  /** Accepts no more; resolves when the last connection is closed. */
  close(): Promise<void>
  /** Cuts the connections that are no WebSockets. */
  cutWaiting(): void
}

/** Bytes that a refused peer may still send, before it is cut. */
const REFUSED_BYTES = 64 * 1024

/**
 * Listens for WebSockets. A connection counts as waiting until its upgrade is accepted: it has `headMs` for its
 * request, the one that has waited longest is closed where too many wait, and a refused one is cut soon after its
 * answer, so that peers without a credential cannot keep out those that have one. Rejects where the port is taken.
 */
export async function listenForUpgrades(options: UpgradeOptions): Promise<UpgradeServer> {
  const { limits } = options
  const sockets = new WebSocketServer({ ...options.webSocket, noServer: true, perMessageDeflate: false })
  const { server, gate } = createHttpServer(
    { ...limits, requestMs: limits.headMs, idleMs: limits.headMs },
    (_, response) => {
      response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end('WebSocket only\n')
    },
  )
  let accepted = 0
  const settle = (request: IncomingMessage, socket: Socket, head: Buffer, verdict: Verdict): void => {
    if (socket.destroyed) return
    if ('status' in verdict) return refuse(gate, socket, verdict.status, limits.refusedMs)
    if (accepted >= limits.accepted) return refuse(gate, socket, 503, limits.refusedMs)
    // ws refuses a bad handshake itself, and destroys its socket.
    gate.hold(socket)
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      gate.release(socket)
      accepted++
      socket.once('close', () => accepted--)
      verdict.accept(webSocket)
    })
  }
  server.on('upgrade', (request: IncomingMessage, stream, head: Buffer) => {
    const socket = stream as Socket
    socket.on('error', () => socket.destroy())
    const failed = (error: unknown): void => {
      options.onFault?.(error)
      settle(request, socket, head, { status: 500 })
    }
    try {
      const verdict = options.judge(request)
      if (!(verdict instanceof Promise)) return settle(request, socket, head, verdict)
      // It has done its part: it is the judge that takes time now.
      gate.release(socket)
      verdict.then((judged) => settle(request, socket, head, judged)).catch(failed)
    } catch (error) {
      failed(error)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    get accepted() {
      return accepted
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
    cutWaiting() {
      gate.cut()
      server.closeAllConnections()
    },
  }
}

/** Further fields of an answer, by its status. */
const FIELDS: Readonly<Record<number, string>> = {
  401: 'WWW-Authenticate: Bearer\r\n',
  503: 'Retry-After: 1\r\n',
}

/**
 * Answers, and destroys: at once where the peer has closed, else when its time or its bytes are over. It waits at
 * all since a connection that is closed with unread bytes is reset, and the reset may overtake the answer.
 */
function refuse(gate: ConnectionGate, socket: Socket, status: number, refusedMs: number): void {
  gate.hold(socket)
  const timer = setTimeout(() => socket.destroy(), refusedMs)
  let bytes = 0
  socket.on('data', (data: Buffer) => {
    bytes += data.length
    if (bytes > REFUSED_BYTES) socket.destroy()
  })
  socket.once('end', () => socket.destroySoon())
  socket.once('close', () => clearTimeout(timer))
  const more = FIELDS[status] ?? ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n${more}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  )
  socket.resume()
}
