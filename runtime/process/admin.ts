import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Scrape } from './exposition.ts'
import { createHttpServer } from './http-server.ts'

/** What the admin listener answers with. */
export interface AdminOptions {
  readonly host: string
  readonly port: number
  /** Why the process cannot take traffic, or undefined where it can. */
  readonly notReady: () => string | undefined
  /** The metrics in Prometheus' text format, with their content type. */
  readonly metrics: () => Promise<Scrape>
  /** Further paths, such as a dump of what the process holds: JSON. */
  readonly dumps?: Readonly<Record<string, () => unknown>>
}

/**
 * Serves `/livez`, `/readyz` (503 with the reason), `/metrics`, and the dumps, apart from the traffic.
 * Resolves once it listens; rejects where the port is taken.
 */
export async function serveAdmin(options: AdminOptions): Promise<Server> {
  const { server } = createHttpServer({}, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve)
  })
  return server
}

async function answer(
  options: AdminOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] as string
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  const dump = options.dumps?.[path]
  if (path === '/livez') response.writeHead(200).end('ok\n')
  else if (path === '/readyz') {
    const reason = options.notReady()
    response.writeHead(reason === undefined ? 200 : 503).end(`${reason ?? 'ok'}\n`)
  } else if (path === '/metrics') {
    const { contentType, text } = await options.metrics()
    response.writeHead(200, { 'content-type': contentType }).end(text)
  } else if (dump !== undefined) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(dump()))
  } else {
    response.writeHead(404).end('not found\n')
  }
}
