import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Scrape } from './exposition.ts'
import { createHttpServer } from './http-server.ts'
import { isFromPage, isLocalPeer, loopbackHosts } from './local-peer.ts'

/** Where the admin listener listens, and what it serves. */
export interface AdminOptions {
  /** At least one. If `0.0.0.0` is one of them, `::` means IPv6 alone. A family that the pod does not have is left out. */
  readonly hosts: readonly string[]
  readonly port: number
  /** Returns why the process cannot take traffic; undefined if it can. */
  readonly notReady: () => string | undefined
  /** Returns the metrics in Prometheus' text format, with their content type. */
  readonly metrics: () => Promise<Scrape>
  /** Paths that return what the process holds, as JSON. Only the pod itself may read them. */
  readonly dumps?: Readonly<Record<string, () => unknown>>
  /** Actions that a POST to a path triggers. Only the pod itself may trigger them. */
  readonly actions?: Readonly<Record<string, () => void>>
}

/** The admin listener of a process. */
export interface AdminServer {
  readonly port: number
  /** Closes all its connections. Resolves once nothing listens. */
  close(): Promise<void>
}

/**
 * Serves `/livez`, `/readyz` (503 with the reason) and `/metrics` to every peer, and dumps and actions to the pod
 * itself (see {@link isLocalPeer}). Others get a 403 that says how to reach them. Listens on the hosts, and on the same
 * port of 127.0.0.1 and ::1. Resolves once it listens. Rejects, and keeps no port open, if a port is in use.
 */
export async function serveAdmin(options: AdminOptions): Promise<AdminServer> {
  const [firstHost = '0.0.0.0', ...others] = options.hosts
  const first = await open(options, firstHost, options.port)
  const { port } = first.address() as AddressInfo
  const servers = [first]
  try {
    for (const host of [...others, ...loopbackHosts(options.hosts)]) {
      const server = await open(options, host, port).catch(unlessMissing)
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
    respond(options, request, response).catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  await new Promise<void>((resolve, reject) => {
    const ipv6Only = options.hosts.includes('0.0.0.0')
    server.once('error', reject).listen({ port, host, ipv6Only }, resolve)
  })
  return server
}

/** A pod without IPv6 has neither ::1 nor ::. */
function unlessMissing(error: NodeJS.ErrnoException): undefined {
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

async function respond(
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

/** Returns why a request must not get what only the pod may have, and how to get it; undefined if it may. */
function whyRefused({ socket, headers }: IncomingMessage, path: string): string | undefined {
  const { localPort: port, remoteAddress } = socket
  const remedy = `run "kubectl port-forward POD ${port}" and use http://127.0.0.1:${port}${path}`
  if (!isLocalPeer(socket)) return `${path} serves only its own pod, not ${remoteAddress}: ${remedy}`
  return isFromPage(headers) ? `${path} does not serve web pages: ${remedy}` : undefined
}
