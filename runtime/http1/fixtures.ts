import { once } from 'node:events'
import * as http from 'node:http'
import * as net from 'node:net'
import type { ExchangeReport, Route } from '../proxy/decision.ts'
import { type EngineOptions, HttpEngine } from './engine.ts'
import { type Listener, listen, tcpUpstream } from '../transport/tcp.ts'

/** For tests: closed after each of them. */
export const cleanups: (() => unknown)[] = []

export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
}

/** Starts a Node HTTP server on a free port. */
export async function app(handler: http.RequestListener): Promise<{ port: number; server: http.Server }> {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => (server.closeAllConnections(), server.close()))
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
  cleanups.push(() => {
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
  cleanups.push(() => {
    listener.stop()
    return engine.stop()
  })
  return { engine, listener, port: listener.port, reports }
}

/** A raw client that collects what it receives as Latin-1. */
export class RawClient {
  text = ''
  closed = false
  error: NodeJS.ErrnoException | undefined = undefined
  readonly socket: net.Socket

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.socket.on('data', (data) => {
      this.text += data.toString('latin1')
    })
    this.socket.on('error', (error) => {
      this.error = error
    })
    this.socket.on('end', () => {
      this.closed = true
      this.socket.end()
    })
    this.socket.on('close', () => {
      this.closed = true
    })
    cleanups.push(() => this.socket.destroy())
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Resolves with the received text once it matches. Rejects after 5 s. */
  until(wanted: (text: string) => boolean): Promise<string> {
    return waitFor(
      () => (wanted(this.text) ? this.text : undefined),
      () => JSON.stringify(this.text.slice(0, 2000)),
    )
  }

  /** Resolves with the received text once the server has closed. */
  ended(): Promise<string> {
    return waitFor(
      () => (this.closed ? this.text : undefined),
      () => JSON.stringify(this.text.slice(0, 2000)),
    )
  }
}

/** Polls until a value is present. Rejects after 5 s; `what` describes the state. */
export async function waitFor<T>(poll: () => T | undefined, what: () => string = () => ''): Promise<T> {
  const until = performance.now() + 5_000
  for (;;) {
    const value = poll()
    if (value !== undefined) return value
    if (performance.now() > until) throw new Error(`timed out: ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
