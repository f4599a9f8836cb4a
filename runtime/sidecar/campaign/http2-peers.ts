import { once } from 'node:events'
import { connect, createServer, type ClientHttp2Session, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Client, credentials, Metadata } from '@grpc/grpc-js'

/** A response: which app sent it, and its content. */
export interface PeerResponse {
  readonly app: string
  readonly body: string
}

const stops: (() => void)[] = []

/** Stops all servers and clients of this file. */
export function stopHttp2Peers(): void {
  for (const stop of stops.splice(0).toReversed()) stop()
}

const framed = (text: string): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([head, Buffer.from(text)])
}

/**
 * An app that speaks HTTP/2 with prior knowledge. It responds to a GET with the path, and to a gRPC call with the
 * message that it received, each with its name. Returns its port.
 */
export async function http2App(name: string, arrived: (id: string) => void, port = 0): Promise<number> {
  const sessions = new Set<ServerHttp2Session>()
  const server = createServer()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session)).on('error', () => {})
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => {
      if (headers[':method'] === 'GET') {
        arrived(headers[':path'] ?? '')
        stream.respond({ ':status': 200, 'x-app': name })
        stream.end(headers[':path'])
        return
      }
      const message = Buffer.concat(parts).subarray(5).toString()
      arrived(message)
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end(framed(`${name} ${message}`))
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A persistent HTTP/2 connection with many concurrent streams. */
export class Http2Client {
  readonly #session: ClientHttp2Session

  constructor(port: number) {
    this.#session = connect(`http://127.0.0.1:${port}`)
    this.#session.on('error', () => {})
    stops.push(() => this.#session.destroy())
  }

  get(path: string, headers: Record<string, string>): Promise<PeerResponse> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ':path': path, ...headers })
      let app = 'nobody'
      let body = ''
      stream.setEncoding('utf8')
      stream.on('response', (fields) => (app = String(fields['x-app'] ?? `status ${fields[':status']}`)))
      stream.on('data', (part: string) => (body += part))
      stream.on('error', reject)
      stream.on('close', () => resolve({ app, body }))
      stream.end()
    })
  }
}

/** A channel of @grpc/grpc-js. */
export class GrpcCaller {
  readonly #client: Client

  constructor(port: number) {
    // By default, channels of one address share their connection.
    const options = { 'grpc.use_local_subchannel_pool': 1 }
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options)
    stops.push(() => this.#client.close())
  }

  /** A unary call whose response is `APP MESSAGE`. */
  call(message: string, headers: Record<string, string>): Promise<PeerResponse> {
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
    const bytes = (text: string): Buffer => Buffer.from(text)
    const text = (bytes: Buffer): string => bytes.toString()
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest('/mix.Echo/Say', bytes, text, message, metadata, (error, reply = '') => {
        if (error !== null) return reject(error)
        const space = reply.indexOf(' ')
        resolve({ app: reply.slice(0, space), body: reply.slice(space + 1) })
      })
    })
  }
}
