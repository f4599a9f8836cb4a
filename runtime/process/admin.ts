import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scrape } from './exposition.ts'
import { createHttpServer } from './http-server.ts'
import { isFromPage, isLocalPeer, loopbackHosts } from './local-peer.ts'

/** What the admin listener answers with. */
export interface AdminOptions {
  readonly host: string
  readonly port: number
  /** Why the process cannot take traffic, or undefined where it can. */
  readonly notReady: () => string | undefined
  /** The metrics in Prometheus' text format, with their content type. */
  readonly metrics: () => Promise<Scrape>
  /** What the process holds, as JSON, by path. Only the pod itself reads it. */
  readonly dumps?: Readonly<Record<string, () => unknown>>
  /** What the process does on a POST, by path. Only the pod itself may ask for it. */
  readonly actions?: Readonly<Record<string, () => void>>
}

/** The admin listener of a process. */
export interface AdminServer {
  readonly port: number
  /** Closes all its connections; resolves once nothing listens. */
  close(): Promise<void>
}

/**
 * Serves `/livez`, `/readyz` (503 with the reason) and `/metrics` to everyone, and dumps and actions to the pod
 * itself (see {@link isLocalPeer}); others get 403 with a sentence that names the way. Listens on the host, and at the
 * same port of 127.0.0.1 and ::1. Resolves once it listens; rejects, and holds nothing, where a port is taken.
 */
export async function serveAdmin(options: AdminOptions): Promise<AdminServer> {
  const first = await open(options, options.host, options.port)
  const { port } = first.address() as AddressInfo
  const servers = [first]
  try {
    for (const host of loopbackHosts(options.host)) {
      const server = await open(options, host, port).catch(unlessThereIsNone)
      if (server !== undefined) servers.push(server)
    }
  } catch (error) {
    await closeAll(servers)
    throw error
  }
  return { port, close: () => closeAll(servers) }
}

async function open(options: AdminOptions, host: string, port: number): Promise<Server> {
  const { server } = createHttpServer({}, (request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  })
  return server
}

/** A pod without IPv6 has no ::1. */
function unlessThereIsNone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'EADDRNOTAVAIL' && error.code !== 'EAFNOSUPPORT') throw error
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map((server) => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    }),
  )
}

async function answer(
  options: AdminOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] as string
  const dump = options.dumps?.[path]
  const action = options.actions?.[path]
  const refusal = dump === undefined && action === undefined ? undefined : whyRefused(request, path)
  const methods = action === undefined ? ['GET', 'HEAD'] : ['POST']
  if (refusal !== undefined) {
    response.writeHead(403, { 'content-type': 'text/plain; charset=utf-8' }).end(`${refusal}\n`)
  } else if (!methods.includes(request.method as string)) {
    response.writeHead(405, { allow: methods.join(', ') }).end()
  } else if (action !== undefined) {
    action()
    response.writeHead(204).end()
  } else if (path === '/livez') response.writeHead(200).end('ok\n')
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

/** Why a request may not have what is the pod's own, with the way to it; undefined where it may. */
function whyRefused({ socket, headers }: IncomingMessage, path: string): string | undefined {
  const { localPort: port, remoteAddress } = socket
  const way = `run "kubectl port-forward POD ${port}" and use http://127.0.0.1:${port}${path}`
  if (!isLocalPeer(socket)) return `${path} answers only its own pod, not ${remoteAddress}: ${way}`
  return isFromPage(headers) ? `${path} does not answer web pages: ${way}` : undefined
}
