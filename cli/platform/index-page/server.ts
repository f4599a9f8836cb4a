import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createHttpServer } from '@branchline/runtime/process/http-server'
import { preferredType } from '@branchline/runtime/page/formats'
import { PAGE_HEADERS } from '@branchline/runtime/page/page'
import { indexOf, type IndexSource, type OutputLimit, serviceOf } from './model.ts'
import { indexText } from './text.ts'
import { indexPage, logsPage, missingPage, type PageFacts } from './pages.ts'

/** What the page of a service shows: a line may have 16 kB, and a browser must stay usable. */
const LOGS_LIMIT: OutputLimit = { lines: 300, bytes: 256 * 1024 }
const LOGS_PATH = /^\/logs\/([a-z0-9-]{1,63})\/([a-z0-9.-]{1,253})$/

/** A running server of the index. */
export interface IndexServer {
  close(): Promise<void>
}

/**
 * Serves the index on a Unix socket, to which the relay forwards requests for the domain itself (decision 0077): `/` as a
 * page, as JSON, or as plain text, by the `Accept` field, and a page with the output of each service. Rejects if it cannot
 * listen.
 */
export async function serveIndex(path: string, source: IndexSource): Promise<IndexServer> {
  const { server } = createHttpServer({}, (request, response) => respond(source, request, response))
  await once(server.listen(path), 'listening')
  return {
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function respond(source: IndexSource, request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query] = (request.url ?? '').split('?', 2)
  const refreshes = new URLSearchParams(query).get('updates') !== 'off'
  const facts = { at: new Date().toLocaleTimeString('en-GB'), refreshes }
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  const { status, type, body } = isRead
    ? contentOf(source, path, facts, request.headers.accept)
    : { status: 405, type: 'text/plain', body: 'read with GET\n' }
  response.writeHead(status, {
    ...Object.fromEntries(PAGE_HEADERS),
    'content-type': type === 'application/json' ? type : `${type}; charset=utf-8`,
    vary: 'accept',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  })
  response.end(body)
}

interface Content {
  readonly status: number
  readonly type: string
  readonly body: string
}

function contentOf(source: IndexSource, path: string, facts: PageFacts, accept: string | undefined): Content {
  if (path === '/') {
    // Browsers ask for HTML, and programs for JSON. curl asks for anything, on a terminal.
    const type = preferredType(accept, ['text/plain', 'text/html', 'application/json'])
    const index = indexOf(source)
    if (type === 'text/plain') return { status: 200, type, body: indexText(index) }
    const body = type === 'text/html' ? indexPage(index, facts) : `${JSON.stringify(index)}\n`
    return { status: 200, type, body }
  }
  const [, namespace = '', name = ''] = LOGS_PATH.exec(path) ?? []
  const service = name === '' ? undefined : serviceOf(source, namespace, name, LOGS_LIMIT)
  if (service === undefined) return { status: 404, type: 'text/html', body: missingPage() }
  const environment = source.environments().find((one) => one.namespace === namespace)?.name ?? namespace
  return { status: 200, type: 'text/html', body: logsPage(service, environment, facts) }
}
