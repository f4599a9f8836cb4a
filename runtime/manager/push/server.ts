import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { ROUTES_PATH } from '@branchline/wire/names'
import { ROUTES_SUBPROTOCOL } from '@branchline/wire/routes/messages'
import { WebSocketServer } from 'ws'
import type { Logger } from '../../process/log.ts'
import type { PodIdentity } from '../sources/source.ts'
import { nameId } from '../store/snapshot.ts'
import type { Hub } from './hub.ts'
import type { PushLimits } from './limits.ts'
import type { OriginFault } from './origin.ts'
import { CLOSE } from './session.ts'

/** Why a sidecar was refused, as the metric and the log name it. */
export type RefusalReason = 'path' | 'protocol' | 'busy' | 'token' | 'review' | 'address' | 'unknown'

// Not by `import`, which loads undici, too (runtime/process/admin.ts).
const { createServer } = process.getBuiltinModule('node:http')

export interface PushServerOptions {
  readonly host: string
  readonly port: number
  readonly limits: PushLimits
  readonly logger: Logger
  readonly hub: Hub
  /** Whether sidecars are served here; where not (another replica leads) they are refused with 503. */
  readonly serving: () => boolean
  /** Whose token this is: see Source.reviewToken. */
  readonly reviewToken: (token: string) => Promise<PodIdentity | undefined>
  /** What is wrong with a pod's token that comes from an address; absent where a token counts from anywhere. */
  readonly judgeOrigin?: (identity: PodIdentity, from: string) => Promise<OriginFault | undefined>
  readonly onRefused?: (reason: RefusalReason) => void
}

export interface PushServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Listens for sidecars (wire/SPEC.md, 4). A connection becomes a WebSocket only once its token has said
 * which pod it is, and that it comes from there: 401 where it is nobody's, 403 where its pod is elsewhere, 503
 * where nobody can tell right now. Rejects where the port is taken.
 */
export async function servePush(options: PushServerOptions): Promise<PushServer> {
  const { limits, hub, logger } = options
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    handleProtocols: () => ROUTES_SUBPROTOCOL,
  })
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (_, response) => {
    response.writeHead(426, { upgrade: 'websocket', connection: 'close' }).end('WebSocket only\n')
  })
  server.maxConnections = limits.maxConnections
  let reviews = 0
  const complaints = new Complaints(logger)
  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const turnAway = (reason: RefusalReason): void => {
      options.onRefused?.(reason)
      refuse(socket, STATUS[reason])
    }
    const busy = !options.serving() || reviews >= limits.maxReviews
    const refusal = judge(request) ?? (busy ? 'busy' : undefined)
    if (refusal !== undefined) return turnAway(refusal)
    reviews++
    const reviewed = await review(options, request).finally(() => reviews--)
    if (typeof reviewed === 'string') {
      logger.debug({ reason: reviewed }, 'sidecar refused')
      return turnAway(reviewed)
    }
    const from = request.socket.remoteAddress ?? ''
    const fault = await options.judgeOrigin?.(reviewed, from)
    if (fault !== undefined) {
      complaints.say(reviewed, from, fault)
      return turnAway(fault.reason)
    }
    if (socket.destroyed) return
    if (!options.serving()) return turnAway('busy')
    const pod = nameId(reviewed.namespace, reviewed.pod)
    sockets.handleUpgrade(request, socket, head, (webSocket) => hub.accept(pod, webSocket))
  }
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    upgrade(request, socket, head).catch((error: unknown) => {
      logger.error({ err: error }, 'upgrade failed')
      socket.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server, sockets, hub, limits.closeTimeoutMs),
  }
}

const STATUS: Readonly<Record<RefusalReason, number>> = {
  path: 404,
  protocol: 400,
  busy: 503,
  token: 401,
  review: 503,
  address: 403,
  unknown: 503,
}

/** What is wrong with a request before anybody looks at its token. */
function judge({ url = '', headers }: IncomingMessage): RefusalReason | undefined {
  if (url.split('?', 1)[0] !== ROUTES_PATH) return 'path'
  const protocols = headers['sec-websocket-protocol']?.split(',').map((protocol) => protocol.trim())
  return protocols?.includes(ROUTES_SUBPROTOCOL) ? undefined : 'protocol'
}

const BEARER = /^Bearer ([\w.~+/-]+=*)$/i
const MAX_TOKEN_LENGTH = 8192

async function review(
  options: PushServerOptions,
  request: IncomingMessage,
): Promise<PodIdentity | 'token' | 'review'> {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined || token.length > MAX_TOKEN_LENGTH) return 'token'
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error('the review took too long')),
    options.limits.reviewTimeoutMs,
  )
  try {
    return (await Promise.race([options.reviewToken(token), timeout])) ?? 'token'
  } catch (error) {
    options.logger.warn({ err: error }, 'a token could not be reviewed')
    return 'review'
  } finally {
    clearTimeout(timer)
  }
}

const MAX_COMPLAINTS = 1_000

/** Says who shows a pod's token elsewhere, once each: who is refused comes again every few seconds. */
class Complaints {
  readonly #logger: Logger
  readonly #said = new Set<string>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  say({ namespace, pod }: PodIdentity, from: string, fault: OriginFault): void {
    const id = `${namespace}/${pod} ${from} ${fault.reason}`
    const level = this.#said.has(id) ? 'debug' : 'warn'
    if (this.#said.size >= MAX_COMPLAINTS) this.#said.clear()
    this.#said.add(id)
    const fields = { namespace, pod, from }
    if (fault.reason === 'unknown') {
      this.#logger[level](fields, 'sidecar refused: the address of its pod is not known yet')
      return
    }
    const message =
      "sidecar refused: its token is that of a pod at another address; where pods' addresses are " +
      'translated on the way, set BRANCHLINE_CHECK_POD_ADDRESS=off'
    this.#logger[level]({ ...fields, expected: fault.expected }, message)
  }
}

const REASONS: Record<number, string> = {
  400: `Bad Request`,
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}

function refuse(socket: Duplex, status: number): void {
  const more: Record<number, string> = { 401: 'WWW-Authenticate: Bearer\r\n', 503: 'Retry-After: 1\r\n' }
  socket.end(
    `HTTP/1.1 ${status} ${REASONS[status]}\r\n${more[status] ?? ''}Connection: close\r\nContent-Length: 0\r\n\r\n`,
    // A peer that never closes its half would keep the socket.
    () => socket.destroy(),
  )
}

async function close(server: Server, sockets: WebSocketServer, hub: Hub, timeoutMs: number): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  hub.close()
  for (const socket of sockets.clients) socket.close(CLOSE.goingAway)
  const timer = setTimeout(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    resolve()
  }, timeoutMs)
  await closed
  clearTimeout(timer)
}
