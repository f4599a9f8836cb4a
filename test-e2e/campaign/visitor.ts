import http from 'node:http'
import type { Random } from '@branchline/runtime/http1/campaign/random'
import { type EnvironmentName, ENVIRONMENTS } from './manifests.ts'

/** What visitors do. `leave` and `deadline` end before the response. */
const KINDS = ['get', 'post', 'upload', 'refuse', 'accept', 'stream', 'leave', 'deadline'] as const
type Kind = (typeof KINDS)[number]

/** A request that ended. */
export interface Ended {
  readonly id: string
  readonly kind: Kind
  readonly environment: EnvironmentName
  readonly startMs: number
  readonly endMs: number
  readonly outcome:
    | { readonly type: 'answered'; readonly status: number; readonly path: string; readonly body: string }
    /** The visitor left, as planned. */
    | { readonly type: 'left' }
    /** The connection broke before or during the response. */
    | { readonly type: 'broken'; readonly reason: string }
    /** The request took too long. `state` states how far it got. */
    | { readonly type: 'hung'; readonly state: string }
}

/** Longer than every applicable wait of the platform, in milliseconds. A request that takes longer hangs. */
const HANG_MS = 45_000
const UPLOAD_BYTES = 300_000
const CHUNK_BYTES = 32 * 1024

/** Sends a request of a random kind to a random environment. Resolves when it has ended, and never rejects. */
export function visitOnce(id: string, random: Random, port: number, agent: http.Agent): Promise<Ended> {
  const kind = random.oneOf(KINDS)
  const environment = random.oneOf(Object.keys(ENVIRONMENTS) as EnvironmentName[])
  const bytes = kind === 'get' || kind === 'stream' || kind === 'leave' ? 0 : 1 + random.below(UPLOAD_BYTES)
  const leaveMs = random.below(400)
  const request = http.request({
    host: '127.0.0.1',
    port,
    agent,
    method: bytes === 0 ? 'GET' : 'POST',
    path: `/?id=${id}&${QUERIES[kind]}`,
    headers: {
      host: `front--${environment}.localhost`,
      ...(bytes > 0 &&
        (kind === 'upload' ? { 'transfer-encoding': 'chunked' } : { 'content-length': bytes })),
    },
  })
  const startMs = performance.now()
  const ended = new Promise<Ended>((resolve) => {
    const end = (outcome: Ended['outcome']): void => {
      for (const timer of timers) clearTimeout(timer)
      resolve({ id, kind, environment, startMs, endMs: performance.now(), outcome })
    }
    const stop = (outcome: Ended['outcome']): void => {
      end(outcome)
      request.destroy()
    }
    let answered = false
    const timers = [setTimeout(() => stop({ type: 'hung', state: stateOf(request, answered) }), HANG_MS)]
    if (kind === 'leave' || kind === 'deadline')
      timers.push(setTimeout(() => stop({ type: 'left' }), leaveMs))
    request.on('error', (error: NodeJS.ErrnoException) => {
      // After an early response the rest of the upload fails.
      if (!answered) end({ type: 'broken', reason: error.code ?? error.message })
    })
    request.once('response', (response) => {
      answered = true
      void readText(response).then(
        (body) => {
          const path = String(response.headers['x-campaign'] ?? '')
          end({ type: 'answered', status: response.statusCode ?? 0, path, body })
        },
        (error: NodeJS.ErrnoException) => end({ type: 'broken', reason: `in the response: ${error.code}` }),
      )
    })
  })
  void send(request, bytes)
  return ended
}

function stateOf({ socket, reusedSocket, writableFinished }: http.ClientRequest, answered: boolean): string {
  if (socket === null) return 'it got no connection'
  const connection = reusedSocket ? 'a kept connection' : 'a new connection'
  const response = answered ? 'the head of a response' : 'no response'
  return `on ${connection}, ${writableFinished ? 'sent' : 'not sent'} as a whole, ${response}`
}

const QUERIES: Readonly<Record<Kind, string>> = {
  get: 'mode=plain',
  post: 'mode=plain',
  upload: 'mode=plain',
  refuse: 'mode=refuse',
  accept: 'mode=accept',
  stream: 'mode=stream&lines=6',
  leave: 'mode=stream&lines=40',
  deadline: 'mode=slow&ms=1000',
}

async function send(request: http.ClientRequest, bytes: number): Promise<void> {
  for (let left = bytes; left > 0 && !request.destroyed; left -= CHUNK_BYTES) {
    if (request.write(Buffer.alloc(Math.min(left, CHUNK_BYTES), 'b'))) continue
    await new Promise<void>((resolve) => {
      request.once('drain', resolve)
      request.once('close', resolve)
    })
  }
  if (!request.destroyed) request.end()
}

async function readText(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
