import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { GREETER, STREAMED } from './contract.ts'

/**
 * Calls the greeter over one channel, each call with its own key, and returns the results by HTTP:
 * `GET /?calls=2000&keys=alice,bob,`. An empty key means a call without tracestate, and `visitor` the tracestate of the
 * request itself.
 */
const { GREETER_ADDRESS = 'greeter:9090', PORT = '8000', HOST = '0.0.0.0' } = process.env
const PARALLEL = 50
const CALL_TIMEOUT_MS = 10_000

/** Every connection of this process belongs to the channel. A failed attempt closes soon. */
const open = new Set<Socket>()
let opened = 0
subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket }
  opened++
  open.add(socket)
  socket.once('close', () => open.delete(socket))
})

// A proxy from environment variables would be a connection to another server.
const client = new grpc.Client(GREETER_ADDRESS, grpc.credentials.createInsecure(), {
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
})

type Call = (index: number, metadata: grpc.Metadata) => Promise<readonly string[]>
const deadline = (): grpc.CallOptions => ({ deadline: Date.now() + CALL_TIMEOUT_MS })

const greet: Call = async (index, metadata) => {
  const { path, requestSerialize, responseDeserialize } = GREETER.greet
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const done: grpc.requestCallback<string> = (error, answer) =>
    error === null ? resolve(answer ?? '') : reject(error)
  client.makeUnaryRequest(path, requestSerialize, responseDeserialize, `${index}`, metadata, deadline(), done)
  return versions([await promise], [`${index}`])
}

const parts = (index: number): string[] => Array.from({ length: STREAMED }, (_, part) => `${index}-${part}`)

const count: Call = async (index, metadata) => {
  const { path, requestSerialize, responseDeserialize } = GREETER.count
  const call = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    `${index}`,
    metadata,
    deadline(),
  )
  const answers: string[] = []
  for await (const answer of call) answers.push(answer as string)
  return versions(answers, parts(index))
}

const chat: Call = async (index, metadata) => {
  const { path, requestSerialize, responseDeserialize } = GREETER.chat
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, deadline())
  const answers: string[] = []
  // Each word waits for the response to the previous one.
  for (const word of parts(index)) {
    const answered = once(call, 'data') as Promise<[string]>
    call.write(word)
    answers.push(...(await answered))
  }
  const over = once(call, 'end')
  call.end()
  call.resume()
  await over
  return versions(answers, parts(index))
}

/** Returns the versions that responded. Throws if a response does not belong to its request. */
function versions(answers: readonly string[], asked: readonly string[]): string[] {
  const words = answers.map((answer) => answer.split(' ') as [string, string])
  const echoed = words.map(([, word]) => word)
  if (echoed.join() !== asked.join()) throw new Error(`asked ${asked.join()}, answered ${answers.join()}`)
  return [...new Set(words.map(([version]) => version))]
}

const KINDS = [greet, count, chat]

interface Report {
  /** The largest number of connections at any time during these calls. */
  readonly connections: number
  readonly failed: string[]
  /** The number of calls by key and by version that responded. */
  readonly answered: Record<string, Record<string, number>>
}

function metadataOf(key: string, visitor: string | undefined): grpc.Metadata {
  const metadata = new grpc.Metadata()
  const tracestate = key === 'visitor' ? visitor : key === '' ? undefined : `other=1,branchline=${key}`
  if (tracestate !== undefined) metadata.set('tracestate', tracestate)
  return metadata
}

async function callAll(calls: number, keys: readonly string[], visitor: string | undefined): Promise<Report> {
  const before = open.size - opened
  const report: Omit<Report, 'connections'> = { failed: [], answered: {} }
  let next = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < calls; index = next++) {
      const key = keys[index % keys.length] ?? ''
      // All combinations of keys and kinds.
      const kind = KINDS[Math.floor(index / keys.length) % KINDS.length] as Call
      try {
        const who = (await kind(index, metadataOf(key, visitor))).join('+')
        const answered = (report.answered[key] ??= {})
        answered[who] = (answered[who] ?? 0) + 1
      } catch (error) {
        report.failed.push(`${kind.name} ${index} ${key}: ${String(error)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  return { ...report, connections: before + opened }
}

createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://caller')
  if (pathname === '/ready') {
    response.end()
    return
  }
  const visitor = request.headers['tracestate']
  const keys = (searchParams.get('keys') ?? '').split(',')
  callAll(
    Number(searchParams.get('calls') ?? '1'),
    keys,
    typeof visitor === 'string' ? visitor : undefined,
  ).then(
    (report) => response.setHeader('content-type', 'application/json').end(JSON.stringify(report)),
    (error: unknown) => response.writeHead(500).end(String(error)),
  )
}).listen(Number(PORT), HOST)
