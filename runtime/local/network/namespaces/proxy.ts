import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Endpoint } from '../dial.ts'
import { type Connect, createDoor } from './door.ts'

// An `import` of node:http also loads undici (runtime/process/admin.ts).
const { request: send } = process.getBuiltinModule('node:http')

const DEFAULT_PORT = 80
const CONNECT_TIMEOUT_MS = 10_000
/** Fields for one connection only (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authorization',
  'te',
  'upgrade',
])

/**
 * An HTTP proxy: it connects its clients (CONNECT), and sends their requests on, by the URL or by the Host field. The
 * caller lets it listen.
 */
export const createProxy = (dial: Connect): Server =>
  createDoor(dial, (incoming, response) => {
    const target = targetOf(incoming)
    if (target === undefined) {
      response.writeHead(400).end('wanted http://HOST/… or a Host field\n')
      return
    }
    dial(target.endpoint, incoming.socket.remoteAddress, CONNECT_TIMEOUT_MS).then(
      (socket) => {
        const { method = 'GET', headers } = incoming
        const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)))
        const outgoing = send({
          method,
          path: target.path,
          headers: { ...kept, connection: 'close' },
          createConnection: () => socket,
        })
        outgoing.once('response', (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        })
        outgoing.once('error', (error) => fail(response, error))
        response.once('close', () => outgoing.destroy())
        incoming.pipe(outgoing)
      },
      (error: Error) => fail(response, error),
    )
  })

function fail(response: ServerResponse, error: Error): void {
  if (response.headersSent) response.destroy()
  else response.writeHead(502, { 'content-type': 'text/plain' }).end(`${error.message}\n`)
}

/** Where a request goes: by its URL in absolute form, or else by its Host field. */
function targetOf({ url = '/', headers }: IncomingMessage): { endpoint: Endpoint; path: string } | undefined {
  const whole = url.startsWith('/') ? `http://${headers.host ?? ''}${url}` : url
  const parsed = URL.parse(whole)
  if (parsed === null || parsed.protocol !== 'http:' || parsed.hostname === '') return undefined
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  const port = parsed.port === '' ? DEFAULT_PORT : Number(parsed.port)
  return { endpoint: { host, port }, path: `${parsed.pathname}${parsed.search}` }
}
