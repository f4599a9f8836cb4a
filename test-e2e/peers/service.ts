import { createHash } from 'node:crypto'
import http from 'node:http'
import { pathToFileURL } from 'node:url'

/** The path at which the service refuses a body before it reads it. */
const REFUSED = '/refuse'
const CHUNK = Buffer.alloc(64 * 1024, 'branchline')

/**
 * The service of the peer stories. It describes the request (method, bytes and their SHA-256), streams `/large?bytes=N`,
 * and refuses a body at `/refuse`.
 */
export const createService = (environment: string): http.Server =>
  http.createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://service')
    response.setHeader('x-environment', environment)
    if (url.pathname === '/ready') response.end()
    else if (url.pathname === REFUSED) {
      response.writeHead(413, { connection: 'close' }).end('too large')
    } else if (url.pathname === '/large') void stream(response, Number(url.searchParams.get('bytes')))
    else void describe(request, response, environment)
  })

async function stream(response: http.ServerResponse, bytes: number): Promise<void> {
  response.setHeader('content-length', bytes)
  for (let left = bytes; left > 0 && !response.destroyed; left -= CHUNK.length) {
    if (response.write(CHUNK.subarray(0, left))) continue
    await new Promise<void>((resolve) => {
      response.once('drain', resolve)
      response.once('close', resolve)
    })
  }
  response.end()
}

async function describe(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  environment: string,
): Promise<void> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    hash.update(chunk)
  }
  const { method } = request
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ environment, method, bytes, sha256: hash.digest('hex') }))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { ENVIRONMENT = '', PORT = '8000', HOST = '0.0.0.0', POD_IP = HOST } = process.env
  const server = createService(ENVIRONMENT).listen(Number(PORT), POD_IP)
  process.once('SIGTERM', () => server.close())
}
