import { once } from 'node:events'
import * as http2 from 'node:http2'
import * as net from 'node:net'
import * as grpc from '@grpc/grpc-js'
import type { ExchangeReport, Route } from '../proxy/decision.ts'
import { later } from '../testing/cleanups.ts'
import { listen, type Listener, tcpUpstream } from '../transport/tcp.ts'
import { Http2Engine, type Http2EngineOptions } from './engine.ts'
import { PREFACE } from './preface.ts'

export interface Hop {
  readonly engine: Http2Engine
  readonly listener: Listener
  readonly port: number
  readonly reports: ExchangeReport[]
}

/** Starts an engine with a listener, which forwards to one port or by a route. */
export async function hop(to: number | Route, options: Partial<Http2EngineOptions> = {}): Promise<Hop> {
  const reports: ExchangeReport[] = []
  const route: Route =
    typeof to === 'number' ? () => ({ candidates: [{ upstream: tcpUpstream('127.0.0.1', to) }] }) : to
  const engine = new Http2Engine({
    route,
    observer: { exchangeDone: (report) => reports.push(report) },
    ...options,
    limits: { drainMs: 1, drainIdleMs: 1, ...options.limits },
  })
  const listener = await listen({ port: 0 }, (transport) => engine.serve(transport))
  later(() => {
    listener.stop()
    return engine.stop()
  })
  return { engine, listener, port: listener.port, reports }
}

/** Starts a node:http2 server whose streams the test serves. Returns its port. */
export async function app(
  serve: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, flags: number) => void,
  settings: http2.Settings = {},
  options: http2.ServerOptions = {},
): Promise<{ readonly port: number; readonly sessions: Set<http2.ServerHttp2Session>; die: () => void }> {
  const sockets = new Set<net.Socket>()
  const sessions = new Set<http2.ServerHttp2Session>()
  const server = http2.createServer({ ...options, settings }, undefined)
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)))
  })
  server.on('stream', (stream, headers, flags) => {
    stream.on('error', () => {})
    serve(stream, headers, flags)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const die = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  later(die)
  return { port: (server.address() as net.AddressInfo).port, sessions, die }
}

/** Returns a node:http2 client. */
export function client(port: number, socket = net.connect(port, '127.0.0.1')): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, { createConnection: () => socket })
  session.on('error', () => {})
  later(() => session.destroy())
  return session
}

export interface ReceivedResponse {
  readonly headers: http2.IncomingHttpHeaders
  readonly trailers: http2.IncomingHttpHeaders
  readonly text: string
  readonly rstCode: number
}

/** Waits for the end of a stream, and resolves with what arrived. */
export function responseOf(stream: http2.ClientHttp2Stream): Promise<ReceivedResponse> {
  const chunks: Buffer[] = []
  let headers: http2.IncomingHttpHeaders = {}
  let trailers: http2.IncomingHttpHeaders = {}
  stream.on('error', () => {})
  stream.on('response', (fields: http2.IncomingHttpHeaders) => (headers = fields))
  stream.on('trailers', (fields: http2.IncomingHttpHeaders) => (trailers = fields))
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return new Promise((resolve) => {
    stream.on('close', () => {
      resolve({ headers, trailers, text: Buffer.concat(chunks).toString(), rstCode: stream.rstCode ?? 0 })
    })
  })
}

/** Sends one request of a session. Resolves with its response. */
export function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders = {},
  body?: string | Buffer,
): Promise<ReceivedResponse> {
  const stream = session.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return responseOf(stream)
}

const raw = (buffer: Buffer): Buffer => buffer
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${path}`,
  requestStream,
  responseStream,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
})

/** All four kinds of calls. Messages are bytes. */
export const ECHO = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  stream: method('Stream', false, true),
  chat: method('Chat', true, true),
}

/** Starts a gRPC server. Returns its port. */
export async function grpcApp(
  handlers: grpc.UntypedServiceImplementation,
): Promise<{ readonly port: number; readonly server: grpc.Server }> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': -1,
    'grpc.max_concurrent_streams': 1000,
  })
  server.addService(ECHO, handlers)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    )
  })
  later(() => server.forceShutdown())
  return { port, server }
}

type Callback = (error: grpc.ServiceError | null, response: Buffer) => void

/** A client of {@link ECHO} with one channel, and so one connection. */
export interface EchoClient extends grpc.Client {
  unary(
    message: Buffer,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: Callback,
  ): grpc.ClientUnaryCall
  collect(metadata: grpc.Metadata, callback: Callback): grpc.ClientWritableStream<Buffer>
  stream(
    message: Buffer,
    metadata: grpc.Metadata,
    options?: grpc.CallOptions,
  ): grpc.ClientReadableStream<Buffer>
  chat(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<Buffer, Buffer>
}

export function grpcClient(port: number): EchoClient {
  const Client = grpc.makeGenericClientConstructor(ECHO, 'Echo')
  const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.enable_retries': 0,
  })
  later(() => client.close())
  return client as unknown as EchoClient
}

export const metadataOf = (fields: Record<string, string>): grpc.Metadata => {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

/** Makes a unary call. Rejects with grpc's ServiceError. */
export function call(
  client: EchoClient,
  message: Buffer,
  fields: Record<string, string> = {},
  options: grpc.CallOptions = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    client.unary(message, metadataOf(fields), options, (error, response) =>
      error === null ? resolve(response) : reject(error),
    )
  })
}

export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

/** Returns the bytes of one frame (RFC 9113, 4.1). */
export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1')
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, body])
}

/** Encodes fields as HPACK literals without indexing or Huffman coding (RFC 7541, 6.2.2). */
export function literals(fields: Record<string, string>): Buffer {
  const parts: Buffer[] = []
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1')
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
    const length: number[] = [127]
    let rest = bytes.length - 127
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
    return Buffer.concat([Buffer.from([...length, rest]), bytes])
  }
  for (const [name, value] of Object.entries(fields)) parts.push(Buffer.from([0]), text(name), text(value))
  return Buffer.concat(parts)
}

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

/** A client that sends any bytes, after the preface and SETTINGS. */
export class RawClient {
  readonly frames: Frame[] = []
  closed = false
  readonly socket: net.Socket
  #bytes = Buffer.alloc(0)

  constructor(port: number, greeting: Buffer = Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)])) {
    this.socket = net.connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('close', () => (this.closed = true))
    this.socket.on('data', (data: Buffer) => this.#read(data))
    this.socket.write(greeting)
    later(() => this.socket.destroy())
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames))
  }

  of(type: number): Frame[] {
    return this.frames.filter((frame) => frame.type === type)
  }

  /** The code of the last GOAWAY, if one arrived. */
  get goaway(): number | undefined {
    return this.of(FRAME.goaway).at(-1)?.payload.readUInt32BE(4)
  }

  /** Why the connection ended: the debug data of the GOAWAY frames that arrived. */
  get goawayReason(): string {
    return this.of(FRAME.goaway)
      .map(({ payload }) => payload.subarray(8).toString())
      .join('')
  }

  #read(data: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, data])
    while (this.#bytes.length >= 9) {
      const length = this.#bytes.readUIntBE(0, 3)
      if (this.#bytes.length < 9 + length) return
      this.frames.push({
        type: this.#bytes.readUInt8(3),
        flags: this.#bytes.readUInt8(4),
        streamId: this.#bytes.readUInt32BE(5),
        payload: this.#bytes.subarray(9, 9 + length),
      })
      this.#bytes = this.#bytes.subarray(9 + length)
    }
  }
}

/** The head of a request as an attacker writes it. */
export const GET: Record<string, string> = {
  ':method': 'GET',
  ':scheme': 'http',
  ':authority': 'a',
  ':path': '/',
}
