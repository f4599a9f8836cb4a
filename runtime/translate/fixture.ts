import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import * as net from 'node:net'
import * as http2 from 'node:http2'
import type { Candidate, ExchangeReport } from '../proxy/decision.ts'
import { DEFAULT_LIMITS, UpstreamPool } from '../http1/index.ts'
import { Http2Engine, type Http2Limits } from '../http2/index.ts'
import { later } from '../testing/cleanups.ts'
import { listen, tcpUpstream } from '../transport/tcp.ts'
import { Http1Streams } from './index.ts'

/** An HTTP/2 listener whose requests go to ports that speak HTTP/1.1. */
export interface Translator {
  readonly port: number
  readonly pool: UpstreamPool
  readonly reports: ExchangeReport[]
}

/** Starts a translator in front of these ports, which are tried in order. */
export async function translator(
  ports: readonly number[],
  candidate: Partial<Candidate> = {},
  limits: Partial<Http2Limits> = {},
): Promise<Translator> {
  const pool = new UpstreamPool()
  const reports: ExchangeReport[] = []
  const engine = new Http2Engine({
    route: () => ({
      candidates: ports.map((port) => ({
        upstream: tcpUpstream('127.0.0.1', port),
        speaks: 'http1',
        ...candidate,
      })),
    }),
    observer: { exchangeDone: (report) => void reports.push(report) },
    refusesTrailer: (name) => name === 'x-refused',
    limits: { drainMs: 1, drainIdleMs: 1, ...limits },
    http1: new Http1Streams(pool, { ...DEFAULT_LIMITS, upstreamConnectMs: 1_000 }),
    via: 'relay',
  })
  const listener = await listen({ port: 0 }, (transport) => engine.serve(transport))
  later(async () => {
    listener.stop()
    await engine.stop()
    pool.close()
  })
  return { port: listener.port, pool, reports }
}

/** An app that speaks HTTP/1.1. Returns its port. */
export async function app(serve: RequestListener): Promise<number> {
  const server = createServer(serve)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  later(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

/** An app of which the test writes every byte. Returns its port. */
export async function rawApp(serve: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    serve(socket)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  later(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

/** A client of HTTP/2 with prior knowledge. */
export function client(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  later(() => session.destroy())
  return session
}

export interface Response {
  readonly headers: http2.IncomingHttpHeaders
  readonly trailers: http2.IncomingHttpHeaders
  readonly text: string
  readonly code: number
}

/** Waits for the end of a stream. */
export async function responseOf(stream: http2.ClientHttp2Stream): Promise<Response> {
  let headers: http2.IncomingHttpHeaders = {}
  let trailers: http2.IncomingHttpHeaders = {}
  const chunks: Buffer[] = []
  stream.on('error', () => {})
  stream.on('response', (fields) => (headers = fields))
  stream.on('trailers', (fields: http2.IncomingHttpHeaders) => (trailers = fields))
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => stream.on('close', resolve))
  return { headers, trailers, text: Buffer.concat(chunks).toString(), code: stream.rstCode }
}

/** Sends one request. */
export function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders = {},
  body?: string | Buffer,
): Promise<Response> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return responseOf(stream)
}

/** The body of a request, as text. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
