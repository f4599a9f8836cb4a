import { once } from 'node:events'
import * as http from 'node:http'
import * as net from 'node:net'
import type { ExchangeReport, Route } from '../proxy/decision.ts'
import { type EngineOptions, HttpEngine } from './engine.ts'
import { later } from '../testing/cleanups.ts'
import { type Listener, listen, tcpUpstream } from '../transport/tcp.ts'

/** Starts a Node HTTP server on a free port. */
export async function app(handler: http.RequestListener): Promise<{ port: number; server: http.Server }> {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  later(() => (server.closeAllConnections(), server.close()))
  return { port: (server.address() as net.AddressInfo).port, server }
}

/** Starts a raw TCP server on a free port. */
export async function rawServer(accept: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>()
  const server = net
    .createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      accept(socket)
    })
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  later(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

export interface Hop {
  readonly engine: HttpEngine
  readonly listener: Listener
  readonly port: number
  readonly reports: ExchangeReport[]
}

/** Starts an engine with a listener, which forwards to one port or by a route. */
export async function hop(to: number | Route, options: Partial<EngineOptions> = {}): Promise<Hop> {
  const reports: ExchangeReport[] = []
  const route: Route =
    typeof to === 'number' ? () => ({ candidates: [{ upstream: tcpUpstream('127.0.0.1', to) }] }) : to
  const engine = new HttpEngine({
    route,
    observer: { exchangeDone: (report) => reports.push(report) },
    ...options,
    limits: { drainMs: 1, drainIdleMs: 1, lingerMs: 100, ...options.limits },
  })
  const listener = await listen({ port: 0 }, (transport) => engine.serve(transport))
  later(() => {
    listener.stop()
    return engine.stop()
  })
  return { engine, listener, port: listener.port, reports }
}
