import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import type { ConnectionGate } from './connection-gate.ts'
import { createHttpServer, type HttpServerLimits } from './http-server.ts'

const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Limits for a connection to a {@link listenForUpgrades} server, before and while it is a WebSocket. */
export interface UpgradeLimits extends Pick<HttpServerLimits, 'headMs' | 'waiting' | 'waitingPerAddress'> {
  /** Most WebSockets at one time, counted separately from waiting connections. Further ones get a 503. */
  readonly accepted: number
  /** Longest time for a refused peer to read its response and close. Then it is cut off. Default: 1 s. */
  readonly refusedMs: number
}

/** The decision about an upgrade request: `accept` receives the WebSocket, or the peer gets a status. */
export type UpgradeDecision = { readonly accept: (socket: WebSocket) => void } | { readonly status: number }

export interface AcceptOptions {
  readonly limits: Pick<UpgradeLimits, 'accepted' | 'refusedMs'>
  readonly webSocket: Pick<
    ServerOptions,
    'maxPayload' | 'handleProtocols' | 'skipUTF8Validation' | 'clientTracking'
  >
  /**
   * Decides about a request before any response. If a promise resolves after the socket has gone, `accept` is not
   * called. If it throws, the peer gets a 500 and `onFault` the error.
   */
  readonly authorize: (request: IncomingMessage) => UpgradeDecision | Promise<UpgradeDecision>
  readonly onFault?: (error: unknown) => void
}

export interface UpgradeOptions extends AcceptOptions {
  readonly host: string
  readonly port: number
  readonly limits: UpgradeLimits
}

/** What is wrong with a request for an upgrade, before its credential is judged: another path, or no subprotocol of ours. */
export function upgradeFault(
  { url = '', headers }: IncomingMessage,
  path: string,
  subprotocol: string,
): 'path' | 'protocol' | undefined {
  if (url.split('?', 1)[0] !== path) return 'path'
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
  return offered?.includes(subprotocol) === true ? undefined : 'protocol'
}

/** A listener for WebSockets only. */
export interface UpgradeServer {
  readonly port: number
  /** Number of open WebSockets. */
  readonly accepted: number
  readonly sockets: WebSocketServer
  /** Accepts no more connections. Resolves when the last one has closed. */
  close(): Promise<void>
  /** Cuts off the connections that are not WebSockets. */
  cutWaiting(): void
}

/** Bytes that a refused peer may still send. Then it is cut off. */
const REFUSED_BYTES = 64 * 1024

/**
 * Listens for WebSockets. A connection waits until its upgrade is accepted: it has `headMs` for its request, the
 * longest waiting one is closed if too many wait, and a refused one is cut off soon after its response. So peers
 * without a credential cannot shut out peers with one. Rejects if the port is in use.
 */
export async function listenForUpgrades(options: UpgradeOptions): Promise<UpgradeServer> {
  const { limits } = options
  const { server, gate } = createHttpServer(
    { ...limits, requestMs: limits.headMs, idleMs: limits.headMs },
    (_, response) => {
      response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end('WebSocket only\n')
    },
  )
  const upgrades = acceptUpgrades(server, gate, options)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    sockets: upgrades.sockets,
    get accepted() {
      return upgrades.accepted
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
    cutWaiting() {
      gate.cut()
      server.closeAllConnections()
    },
  }
}

/** The WebSockets of a server of ours that also serves requests. */
export interface AcceptedUpgrades {
  /** Number of open WebSockets. */
  readonly accepted: number
  readonly sockets: WebSocketServer
}

/** Accepts WebSockets on a server of `createHttpServer`. They do not count as its connections. */
export function acceptUpgrades(
  server: Server,
  gate: ConnectionGate,
  options: AcceptOptions,
): AcceptedUpgrades {
  const { limits } = options
  const sockets = new WebSocketServer({ ...options.webSocket, noServer: true, perMessageDeflate: false })
  let accepted = 0
  const settle = (
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    decision: UpgradeDecision,
  ): void => {
    if (socket.destroyed) return
    if ('status' in decision) return refuse(gate, socket, decision.status, limits.refusedMs)
    if (accepted >= limits.accepted) return refuse(gate, socket, 503, limits.refusedMs)
    // ws itself refuses a bad handshake, and destroys its socket.
    gate.hold(socket)
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      gate.release(socket)
      accepted++
      socket.once('close', () => accepted--)
      decision.accept(webSocket)
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
      const decision = options.authorize(request)
      if (!(decision instanceof Promise)) return settle(request, socket, head, decision)
      // The peer has done its part. From here on, authorization takes the time.
      gate.release(socket)
      decision.then((decided) => settle(request, socket, head, decided)).catch(failed)
    } catch (error) {
      failed(error)
    }
  })
  return {
    sockets,
    get accepted() {
      return accepted
    },
  }
}

/** Further fields of a response, by its status. */
const FIELDS: Readonly<Record<number, string>> = {
  401: 'WWW-Authenticate: Bearer\r\n',
  503: 'Retry-After: 1\r\n',
}

/**
 * Responds and destroys: at once if the peer has closed, otherwise when its time or its bytes are used up. It waits
 * because closing a connection with unread bytes resets it, and the reset may overtake the response.
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
