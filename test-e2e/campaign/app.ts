import { appendFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * A service of the campaign. It records each request before it responds, so that recorded requests can be compared with
 * responses, even after the service was killed. NEXT names the service that it calls with the request's id and key.
 */
const {
  ENVIRONMENT = '',
  SERVICE = '',
  POD_NAME = '',
  POD_IP = '127.0.0.1',
  PORT = '8080',
  RECORD = '',
  NEXT,
} = process.env
const LINE_MS = 50
const DRAIN_TIMEOUT_MS = 5_000

const record = (event: string, id: string): void =>
  appendFileSync(
    join(RECORD, `${ENVIRONMENT}.${SERVICE}.${POD_NAME}.${process.pid}`),
    `${event} ${SERVICE} ${ENVIRONMENT} ${id}\n`,
  )

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 })
const me = `${SERVICE}@${ENVIRONMENT}`

const server = http.createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
  const url = new URL(request.url ?? '/', 'http://app')
  const id = url.searchParams.get('id') ?? ''
  if (id === '') {
    response.end('ready')
    return
  }
  record('begin', id)
  response.once('close', () => record(response.writableFinished ? 'end' : 'left', id))
  void run(url, id, request, response).catch((error: unknown) => {
    if (!response.headersSent) response.writeHead(502, { 'x-campaign': me })
    response.end(error instanceof Error ? error.message : String(error))
  })
})

async function run(
  url: URL,
  id: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const mode = url.searchParams.get('mode')
  response.setHeader('x-campaign', me)
  if (NEXT !== undefined) return forward(url, request, response)
  if (mode === 'refuse') {
    // The response is early and final. The service does not need the rest of the body.
    record('run', id)
    response.writeHead(413, { connection: 'close' }).end(me)
    return
  }
  if (mode === 'accept') {
    record('run', id)
    response.writeHead(202).end(me)
    for await (const _chunk of request);
    return
  }
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) bytes += chunk.length
  record('run', id)
  if (mode === 'slow') await delay(Number(url.searchParams.get('ms')))
  if (mode === 'stream') {
    for (let line = Number(url.searchParams.get('lines')); line > 0 && !response.destroyed; line--) {
      response.write(`${'x'.repeat(1_000)}\n`)
      await delay(LINE_MS)
    }
  }
  response.end(`${me} ${bytes}`)
}

/** Streams the request to the next service, and its response back. */
async function forward(
  url: URL,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const headers: http.OutgoingHttpHeaders = {}
  for (const name of ['tracestate', 'traceparent', 'content-length', 'transfer-encoding', 'expect']) {
    if (request.headers[name] !== undefined) headers[name] = request.headers[name]
  }
  const next = http.request({
    agent,
    host: NEXT,
    port: 8080,
    path: url.pathname + url.search,
    method: request.method ?? 'GET',
    headers,
  })
  response.once('close', () => next.destroy())
  request.on('error', () => next.destroy())
  request.pipe(next)
  // If the next service stops reading, the rest is still read. Otherwise Node would never read the connection again.
  next.once('close', () => request.resume())
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    let answered = false
    next.once('response', (it) => {
      answered = true
      resolve(it)
    })
    next.on('error', (error) =>
      answered ? undefined : reject(new Error(`${me}: ${NEXT} did not respond: ${error.message}`)),
    )
  })
  response.writeHead(answer.statusCode ?? 502, {
    'x-campaign': `${me} ${String(answer.headers['x-campaign'] ?? '')}`,
    ...(answer.headers['content-type'] !== undefined && { 'content-type': answer.headers['content-type'] }),
  })
  answer.on('error', () => response.destroy())
  answer.pipe(response)
}

server.listen(Number(PORT), POD_IP)
process.once('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  setTimeout(() => process.exit(0), DRAIN_TIMEOUT_MS).unref()
})
