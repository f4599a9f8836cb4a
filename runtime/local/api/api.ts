import { chmodSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import {
  type LocalEvent,
  type LocalState,
  localPatch,
  localStatus,
  localTokenReview,
} from '@branchline/wire/local-api'
import type { z } from 'zod'
import { createHttpServer } from '../../process/http-server.ts'
import type { Store } from './store.ts'
import type { Tokens } from '../pods/tokens.ts'
import { BadRequest } from './bad-request.ts'
import { answerCommand, type CommandOptions, json } from './commands.ts'

/** The maximum size of a request body, in bytes. */
const MAX_BODY_LENGTH = 1024 * 1024
/** The maximum bytes that a slow watcher may leave unread. Beyond it the watch ends, and the watcher starts again. */
const MAX_UNREAD_LENGTH = 64 * 1024 * 1024

/** Includes watchers. All connections come through one Unix socket, which has no addresses. */
const LIMITS = { waiting: 1_024, waitingPerAddress: 1_024, requestMs: 60_000 }

export interface ApiOptions extends CommandOptions {
  /** The path of the Unix socket. */
  readonly path: string
  readonly tokens: Tokens
  readonly state: () => LocalState
}

/** Serves the embedded cluster's API (`wire/local-api.ts`). Resolves once it listens. */
export async function serveApi(options: ApiOptions): Promise<Server> {
  const { server } = createHttpServer(LIMITS, (request, response) => {
    respond(options, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else response.writeHead(error instanceof BadRequest ? error.status : 500).end(`${String(error)}\n`)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.path, resolve)
  })
  // Other users of the machine can enter its folder, and the API requires no credential.
  chmodSync(options.path, 0o600)
  return server
}

async function respond(
  options: ApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /v1/watch':
      return watch(options.store, response)
    case 'GET /v1/state':
      return json(response, options.state())
    case 'PUT /v1/status': {
      const found = options.store.setStatus(await body(request, localStatus))
      if (found) response.writeHead(204).end()
      else response.writeHead(404).end('no such object\n')
      return
    }
    case 'POST /v1/tokenreviews': {
      const { token, audience } = await body(request, localTokenReview)
      const identity = options.tokens.review(token, audience)
      if (identity === undefined) response.writeHead(401).end()
      else json(response, identity)
      return
    }
    case 'POST /v1/patches': {
      const found = options.patch(await body(request, localPatch))
      if (found) response.writeHead(204).end()
      else response.writeHead(404).end('no such object\n')
      return
    }
    default:
      answerCommand(options, request, response)
  }
}

function watch(store: Store, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  const send = (event: LocalEvent): void => {
    if (!WATCHED.has(event.type === 'SYNCED' ? 'SYNCED' : event.object.kind)) return
    response.write(`${JSON.stringify(event)}\n`)
    if (response.writableLength > MAX_UNREAD_LENGTH) response.destroy()
  }
  for (const object of store.list()) send({ type: 'ADDED', object })
  send({ type: 'SYNCED' })
  response.once('close', store.watch(send))
}

/** The kinds that the manager may see. It does not need Secrets and ConfigMaps. */
const WATCHED = new Set(['SYNCED', 'Namespace', 'Environment', 'Preview', 'Service', 'EndpointSlice', 'Pod'])

async function body<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  if (Number(request.headers['content-length'] ?? MAX_BODY_LENGTH) > MAX_BODY_LENGTH) {
    throw new BadRequest(413, `a body may have at most ${MAX_BODY_LENGTH} bytes`)
  }
  let value: unknown
  try {
    value = JSON.parse(await text(request))
  } catch {
    throw new BadRequest(400, 'the body is not JSON')
  }
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new BadRequest(400, parsed.error.message)
  return parsed.data
}
