import type { IncomingMessage } from 'node:http'
import { ROUTES_PATH } from '@branchline/wire/names'
import { ROUTES_SUBPROTOCOL } from '@branchline/wire/routes/messages'
import type { Logger } from '../../process/log.ts'
import {
  listenForUpgrades,
  type UpgradeLimits,
  upgradeFault,
  type UpgradeServer,
  type UpgradeDecision,
} from '../../process/upgrade.ts'
import { CLOSE } from '../../pushed/close-codes.ts'
import type { PodIdentity } from '../sources/source.ts'
import { nameId } from '../store/snapshot.ts'
import type { Hub } from './hub.ts'
import type { PushLimits } from './limits.ts'
import type { OriginFault } from './origin.ts'

/** Why a sidecar was refused. The metric and the log use these names. */
export type RefusalReason = 'path' | 'protocol' | 'busy' | 'token' | 'review' | 'address' | 'unknown'

export interface PushServerOptions {
  readonly host: string
  readonly port: number
  readonly limits: PushLimits
  readonly logger: Logger
  readonly hub: Hub
  /** Whether this replica serves sidecars. If not, because another one leads, it refuses them with 503. */
  readonly serving: () => boolean
  /** See Source.reviewToken. */
  readonly reviewToken: (token: string) => Promise<PodIdentity | undefined>
  /** Why a pod's token is not valid from an address. Absent if tokens are valid from every address. */
  readonly judgeOrigin?: (identity: PodIdentity, from: string) => Promise<OriginFault | undefined>
  readonly onRefused?: (reason: RefusalReason) => void
}

export interface PushServer {
  readonly port: number
  close(): Promise<void>
}

/**
 * Listens for sidecars (wire/SPEC.md, 4). A connection becomes a WebSocket only after its token has identified its
 * pod, and its address has proved to be the pod's: 401 for an invalid token, 403 for an address of another pod, 503
 * if this cannot be decided now. Rejects if the port is in use.
 */
export async function servePush(options: PushServerOptions): Promise<PushServer> {
  const { host, port, limits, hub, logger } = options
  const complaints = new Complaints(logger)
  let reviews = 0
  let full = (): boolean => false
  const refuse = (reason: RefusalReason): UpgradeDecision => {
    options.onRefused?.(reason)
    return { status: STATUS[reason] }
  }
  const judgePod = async (request: IncomingMessage): Promise<UpgradeDecision> => {
    reviews++
    const reviewed = await review(options, request).finally(() => reviews--)
    if (typeof reviewed === 'string') {
      logger.debug({ reason: reviewed }, 'sidecar refused')
      return refuse(reviewed)
    }
    const from = request.socket.remoteAddress ?? ''
    const fault = await options.judgeOrigin?.(reviewed, from)
    if (fault !== undefined) {
      complaints.log(reviewed, from, fault)
      return refuse(fault.reason)
    }
    if (!options.serving()) return refuse('busy')
    const pod = nameId(reviewed.namespace, reviewed.pod)
    return { accept: (webSocket) => hub.accept(pod, webSocket) }
  }
  const server = await listenForUpgrades({
    host,
    port,
    limits: upgradeLimits(limits),
    webSocket: { maxPayload: limits.maxMessageBytes, handleProtocols: () => ROUTES_SUBPROTOCOL },
    authorize(request) {
      const busy = !options.serving() || reviews >= limits.maxReviews || full()
      const refusal = upgradeFault(request, ROUTES_PATH, ROUTES_SUBPROTOCOL) ?? (busy ? 'busy' : undefined)
      return refusal === undefined ? judgePod(request) : refuse(refusal)
    },
    onFault: (error) => logger.error({ err: error }, 'upgrade failed'),
  })
  // Review no token if there is no free place.
  full = () => server.accepted >= limits.maxConnections
  return { port: server.port, close: () => close(server, hub, limits.closeTimeoutMs) }
}

const upgradeLimits = (limits: PushLimits): UpgradeLimits => ({
  accepted: limits.maxConnections,
  waiting: limits.maxWaiting,
  waitingPerAddress: limits.maxWaitingPerAddress,
  headMs: limits.headTimeoutMs,
  refusedMs: limits.refusedTimeoutMs,
})

const STATUS: Readonly<Record<RefusalReason, number>> = {
  path: 404,
  protocol: 400,
  busy: 503,
  token: 401,
  review: 503,
  address: 403,
  unknown: 503,
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
    options.logger.warn({ err: error }, 'could not review a token')
    return 'review'
  } finally {
    clearTimeout(timer)
  }
}

const MAX_COMPLAINTS = 1_000

/** Logs each refused origin once, because a refused sidecar tries again every few seconds. */
class Complaints {
  readonly #logger: Logger
  readonly #logged = new Set<string>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  log({ namespace, pod }: PodIdentity, from: string, fault: OriginFault): void {
    const id = `${namespace}/${pod} ${from} ${fault.reason}`
    const level = this.#logged.has(id) ? 'debug' : 'warn'
    if (this.#logged.size >= MAX_COMPLAINTS) this.#logged.clear()
    this.#logged.add(id)
    const fields = { namespace, pod, from }
    if (fault.reason === 'unknown') {
      this.#logger[level](fields, 'sidecar refused: the address of its pod is not known yet')
      return
    }
    const message =
      'sidecar refused: its token belongs to a pod at another address; if the network translates the addresses ' +
      'of pods, set BRANCHLINE_CHECK_POD_ADDRESS=off'
    this.#logger[level]({ ...fields, expected: fault.expected }, message)
  }
}

async function close(server: UpgradeServer, hub: Hub, timeoutMs: number): Promise<void> {
  const { clients } = server.sockets
  const closed = server.close()
  hub.closeAll('the manager stops')
  for (const socket of clients) socket.close(CLOSE.goingAway)
  server.cutWaiting()
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    for (const socket of clients) socket.terminate()
    resolve()
  }, timeoutMs)
  await Promise.race([closed, late])
  clearTimeout(timer)
}
