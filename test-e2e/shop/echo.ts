import { createHash, randomBytes } from 'node:crypto'
import net from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ShopConfig, parsePort } from './config.ts'
import { findUpstream } from './upstream.ts'

/** The worker's raw TCP port. Its Service does not declare the protocol. */
const ECHO_PORT = 7070
const GREETING_TIMEOUT_MS = 20_000
const CHUNK_BYTES = 64 * 1024
const GREETING_END = '\n'

/**
 * Serves raw TCP in which the server speaks first, as in MySQL, SMTP and SSH. It immediately sends a line that identifies
 * it, and then echoes every byte until the client ends.
 */
export async function startEcho(
  config: ShopConfig,
  variables: NodeJS.ProcessEnv = process.env,
): Promise<net.Server> {
  const port = parsePort('ECHO_PORT', variables.ECHO_PORT, ECHO_PORT)
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.write(`220 ${config.service} ${config.version} ${config.environment}${GREETING_END}`)
    socket.pipe(socket)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, config.host, resolve)
  })
  return server
}

/** The result of an echo over raw TCP. */
export interface EchoResult {
  readonly greeting: string
  readonly greetingMs: number
  readonly bytes: number
  /** Whether every byte came back in order, followed by the end. */
  readonly same: boolean
}

/** Waits for the worker's greeting without sending anything, then sends random bytes and compares the echo. */
export async function echoThrough(bytes: number, host: string): Promise<EchoResult> {
  const startedAt = performance.now()
  const upstream = await findUpstream(host, ECHO_PORT)
  const socket = net.connect({ ...upstream, allowHalfOpen: true })
  try {
    const received = receive(socket)
    const greeting = await received.greeting
    const greetingMs = Math.round(performance.now() - startedAt)
    const sent = createHash('sha256')
    const source = Readable.from(randomBytesOf(bytes, (chunk) => sent.update(chunk)))
    const [back] = await Promise.all([received.rest, pipeline(source, socket)])
    return { greeting, greetingMs, bytes: back.bytes, same: back.digest === sent.digest('hex') }
  } finally {
    socket.destroy()
  }
}

function* randomBytesOf(bytes: number, onChunk: (chunk: Buffer) => void): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
    const chunk = randomBytes(Math.min(left, CHUNK_BYTES))
    onChunk(chunk)
    yield chunk
  }
}

interface Received {
  readonly greeting: Promise<string>
  readonly rest: Promise<{ bytes: number; digest: string }>
}

/** Splits the received bytes into the first line and a digest of the rest. */
function receive(socket: net.Socket): Received {
  const greeting = Promise.withResolvers<string>()
  const rest = Promise.withResolvers<{ bytes: number; digest: string }>()
  const digest = createHash('sha256')
  let line = ''
  let bytes = 0
  let greeted = false
  const fail = (error: Error): void => {
    greeting.reject(error)
    rest.reject(error)
  }
  rest.promise.catch(() => undefined)
  const timer = setTimeout(
    () => fail(new Error(`worker:${ECHO_PORT}: no greeting within ${GREETING_TIMEOUT_MS} ms`)),
    GREETING_TIMEOUT_MS,
  )
  const body = (chunk: Buffer): void => {
    bytes += chunk.length
    digest.update(chunk)
  }
  socket.on('data', (chunk: Buffer) => {
    if (greeted) return body(chunk)
    const end = chunk.indexOf(GREETING_END)
    line += chunk.subarray(0, end === -1 ? undefined : end).toString('latin1')
    if (end === -1) return
    greeted = true
    clearTimeout(timer)
    greeting.resolve(line)
    body(chunk.subarray(end + 1))
  })
  socket.on('end', () => rest.resolve({ bytes, digest: digest.digest('hex') }))
  socket.on('error', fail)
  socket.on('close', () => fail(new Error(`worker:${ECHO_PORT}: closed before the end`)))
  return { greeting: greeting.promise, rest: rest.promise }
}
