import type { Buffer } from 'node:buffer'
import { TUNNEL_PATH } from '@branchline/wire/names'
import { parseRelayMessage, type Registered } from '@branchline/wire/tunnel/control'
import type { Logger } from '../../process/log.ts'
import { clientMemory } from '../../process/memory.ts'
import { unread } from '../../transport/unread-bytes.ts'
import type { Running } from '../../process/main.ts'
import type { TunnelLink, TunnelLinkError, TunnelStream } from '../../tunnel/index.ts'
import type { GatewayView } from '../gateway-view.ts'
import { DEFAULT_GATEWAY_LIMITS, type GatewayLimits } from './limits.ts'
import { Links } from './links.ts'
import { Registrar } from './registrar.ts'
import { WorkerLinks } from './worker-links.ts'
import { StreamServer } from './streams.ts'

export interface GatewayOptions {
  readonly view: GatewayView
  /** The relay's URL, `ws:` or `wss:`. Default path: the protocol's own. */
  readonly relay: URL
  /** The cluster's credential at the relay. */
  readonly token: string
  /** The cluster's name at the relay. */
  readonly cluster: string
  readonly logger: Logger
  readonly limits?: Partial<GatewayLimits>
  /** Called when the relay asked for a target that is not a preview's and was refused. */
  readonly onForbidden?: () => void
  /** Called when the relay reports that another replica leads. */
  readonly onLed?: () => void
}

/** A replica's end of its tunnels. */
export interface RunningGateway extends Running {
  /** Tells the relay whether this replica leads. Tunnels stay open either way. Default: it does not lead. */
  lead(leads: boolean): void
}

/**
 * Starts the manager's end of the tunnel. It dials the relay, registers the planned previews, and serves the
 * streams that the relay opens. It dials only once there is a preview to register. Otherwise a manager that has
 * just started would tell the relay that there are no previews.
 */
export function startGateway(options: GatewayOptions): RunningGateway {
  return new Gateway(options)
}

/** Starts the gateway that a manager's configuration describes. Undefined without a relay. */
export function gatewayOf(
  config: { readonly relay: URL | undefined; readonly relayToken: string; readonly cluster: string },
  options: Omit<GatewayOptions, 'relay' | 'token' | 'cluster' | 'limits'>,
): RunningGateway | undefined {
  const { relay, relayToken: token, cluster } = config
  const { unreadTotalBytes: limitBytes } = clientMemory()
  unread.bound(limitBytes, (count) => {
    options.logger.warn({ count, limitBytes }, 'streams were cut: their visitors read too slowly')
  })
  return relay && startGateway({ ...options, relay, token, cluster })
}

const DRAIN_CHECK_MS = 20

class Gateway implements RunningGateway {
  readonly #options: GatewayOptions
  readonly #limits: GatewayLimits
  readonly #registrar: Registrar
  readonly #streams: StreamServer
  readonly #links: Links
  readonly #workers: WorkerLinks
  readonly #unsubscribe: () => void
  #started = false
  #lastReport = ''

  constructor(options: GatewayOptions) {
    const { view, logger, token, cluster } = options
    this.#options = options
    this.#limits = { ...DEFAULT_GATEWAY_LIMITS, ...options.limits }
    this.#registrar = new Registrar(view, cluster)
    const { onForbidden = () => undefined } = options
    this.#streams = new StreamServer({ view, logger, limits: this.#limits, onForbidden })
    const shared = {
      token,
      limits: this.#limits,
      logger,
      onOpen: (link: TunnelLink, number: number) => this.#registrar.register(link, number),
      onLost: (link: TunnelLink) => this.#registrar.lost(link),
      onStream: (_link: TunnelLink, stream: TunnelStream) => this.#streams.serve(stream),
    }
    const url = tunnelUrl(options.relay)
    this.#links = new Links({
      ...shared,
      url,
      onControl: (_link, payload) => this.#control(payload),
      onDown: (error, waitMs) => this.#down(error, waitMs),
    })
    this.#workers = new WorkerLinks({
      ...shared,
      own: url,
      onMessage: (message) => this.#registered(message),
    })
    this.#unsubscribe = view.onPreviews((previews) => {
      this.#registrar.update(previews)
      this.#start()
    })
    if (view.previews().length > 0) this.#start()
  }

  lead(leads: boolean): void {
    this.#registrar.lead(leads)
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    this.#links.goAway('the manager stops')
    this.#workers.goAway('the manager stops')
    const untilMs = performance.now() + this.#limits.drainMs
    while (this.#links.streams + this.#workers.streams > 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_CHECK_MS))
    }
    this.#links.stop()
    this.#workers.stop()
  }

  #start(): void {
    if (this.#started) return
    this.#started = true
    this.#links.start()
  }

  #control(payload: Buffer): void {
    const message = parseRelayMessage(payload)
    const { logger, relay, cluster } = this.#options
    if (message.type === 'goaway') {
      logger.info({ relay: relay.host, reason: message.reason }, 'the relay is shutting down')
      return
    }
    if (this.#lastReport !== 'up') logger.info({ relay: relay.host, cluster }, 'registered at the relay')
    this.#lastReport = 'up'
    this.#links.established(message.streams)
    if (message.workers !== undefined) this.#workers.follow(message.workers)
    this.#registered(message)
  }

  #registered(message: Registered): void {
    this.#registrar.registered(message)
    if (message.led === true) this.#options.onLed?.()
  }

  #down(error: TunnelLinkError, waitMs: number): void {
    const { logger, relay } = this.#options
    // Log a lasting failure once, not at each try.
    if (this.#lastReport === error.message) return
    this.#lastReport = error.message
    const fields = { relay: relay.host, status: error.status, reason: error.message, waitMs }
    if (error.status === 401) logger.error(fields, 'the relay refuses the credential')
    else logger.warn(fields, 'cannot reach the relay')
  }
}

function tunnelUrl(relay: URL): string {
  const url = new URL(relay)
  if (url.pathname === '' || url.pathname === '/') url.pathname = TUNNEL_PATH
  return url.href
}
