import * as http2 from 'node:http2'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { RegisteredPreview } from '@branchline/wire/tunnel/control'
import { later } from '../../../testing/cleanups.ts'
import { appFor, relayFor } from '../../fixture.ts'
import { previewOf, TestCluster } from '../../fixture-cluster.ts'
import type { RelayLimits } from '../../limits.ts'
import type { RunningRelay } from '../../relay.ts'
import type { HttpsOptions } from './listeners.ts'

/** The host of alice's preview. */
export const ALICE = 'web--alice.localhost'

/** Starts a relay with the preview `web` of alice, which leads to this endpoint. */
export async function relayTo(
  endpoint: string,
  options: {
    readonly variables?: Record<string, string>
    readonly limits?: Partial<RelayLimits>
    readonly preview?: Partial<RegisteredPreview>
    readonly https?: HttpsOptions
  } = {},
): Promise<{ readonly relay: RunningRelay; readonly cluster: TestCluster }> {
  const relay = await relayFor(options.variables, options.limits, options.https)
  const previews = [{ ...previewOf('alice'), ...options.preview }]
  const cluster = await TestCluster.connect(relay.tunnelPort, 'dev', previews, { 'alice/web:80': endpoint })
  return { relay, cluster }
}

/** An app of HTTP/1.1 that responds with what it received. Returns its endpoint. */
export async function echoApp(): Promise<string> {
  const { endpoint } = await appFor(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { method, url, headers, rawHeaders, trailers, httpVersion } = request
    response.end(JSON.stringify({ method, url, headers, rawHeaders, trailers, body, httpVersion }))
  })
  return endpoint
}

/** What {@link echoApp} received. */
export interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly rawHeaders: readonly string[]
  readonly trailers: Record<string, string>
  readonly body: string
  readonly httpVersion: string
}

/** An app of HTTP/2 without TLS. Returns its endpoint. */
export async function http2App(
  serve: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, flags: number) => void,
): Promise<{ readonly endpoint: string; readonly sessions: Set<http2.ServerHttp2Session> }> {
  const server = http2.createServer()
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {}).on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers, flags) => {
    stream.on('error', () => {})
    serve(stream, headers, flags)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  later(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`, sessions }
}

/** A client of HTTP/2 with prior knowledge. */
export function clientOf(port: number): http2.ClientHttp2Session {
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

/** Sends one request to alice's preview, or to another authority. */
export function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders = {},
  body?: string | Buffer,
): Promise<Response> {
  const stream = session.request({ ':authority': ALICE, ...headers }, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return responseOf(stream)
}

/** The same, for {@link echoApp}. */
export async function askEcho(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders = {},
  body?: string | Buffer,
): Promise<Echo> {
  return JSON.parse((await ask(session, headers, body)).text) as Echo
}
