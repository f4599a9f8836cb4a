import { chmodSync } from 'node:fs'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Dial, Endpoint } from '../dial.ts'
import { splice } from '../splice.ts'

// An `import` of node:http also loads undici (runtime/process/admin.ts).
const { createServer, request } = process.getBuiltinModule('node:http')

/** How long a dial through a door may take, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000
/** The header of a response that says why a connection was not made. */
const REASON = 'branchline-reason'

/** Connects to an endpoint for a client at an address. */
export type Connect = (endpoint: Endpoint, client: string | undefined, timeoutMs: number) => Promise<Socket>

/**
 * A server that connects its clients to the endpoints that they ask for: an HTTP proxy with CONNECT (RFC 9110, 9.3.6).
 * Other requests go to the listener, which refuses them by default. The caller lets it listen.
 */
export function createDoor(dial: Connect, onRequest: RequestListener = refuse): Server {
  const server = createServer(onRequest)
  server.on('connect', (message: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('error', () => undefined)
    const endpoint = parseEndpoint(message.url ?? '')
    const from = message.socket.remoteAddress
    if (endpoint === undefined) {
      client.end(`HTTP/1.1 400 Bad Request\r\n${REASON}: wanted HOST:PORT\r\n\r\n`)
      return
    }
    dial(endpoint, from, CONNECT_TIMEOUT_MS).then(
      (upstream) => {
        if (client.destroyed) {
          upstream.destroy()
          return
        }
        client.write('HTTP/1.1 200 Connected\r\n\r\n')
        if (head.length > 0) upstream.write(head)
        splice(client, upstream)
      },
      (error: Error) => client.end(`HTTP/1.1 502 Bad Gateway\r\n${REASON}: ${plain(error.message)}\r\n\r\n`),
    )
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

/** Lets a server listen at the path of a Unix socket that only its own user can use. */
export function listenAtPath(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      chmodSync(path, 0o600)
      server.off('error', reject)
      resolve()
    })
  })
}

/** Connects through the door whose Unix socket has this path. Rejects with the reason that the other side gives. */
export const dialThrough =
  (path: string): Dial =>
  ({ host, port }, timeoutMs) =>
    new Promise((resolve, reject) => {
      const target = `${host.includes(':') ? `[${host}]` : host}:${port}`
      const asked = request({
        method: 'CONNECT',
        path: target,
        headers: { host: target },
        createConnection: () => connect({ path, allowHalfOpen: true }),
        timeout: timeoutMs,
      })
      asked.once('timeout', () =>
        asked.destroy(new Error(`${host}:${port} did not respond within ${timeoutMs} ms`)),
      )
      asked.once('error', reject)
      asked.once('connect', (response, socket, head) => {
        socket.on('error', () => undefined)
        if (response.statusCode !== 200) {
          socket.destroy()
          reject(new Error(String(response.headers[REASON] ?? `refused with ${response.statusCode}`)))
          return
        }
        socket.setTimeout(0)
        if (head.length > 0) socket.unshift(head)
        resolve(socket)
      })
      asked.end()
    })

/** Parses `HOST:PORT` or `[ADDRESS]:PORT`. Undefined if it is something else. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, address, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  const host = address ?? name
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

const refuse: RequestListener = (_request, response) => {
  response.writeHead(405).end('only CONNECT\n')
}

const plain = (text: string): string => text.replace(/[^\x20-\x7e]/g, ' ')
