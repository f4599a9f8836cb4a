import { IGNORE } from '../../transport/transport.ts'
import { pipe } from '../../transport/pipe.ts'
import { Reach } from '../../transport/reach.ts'
import { tcpUpstream } from '../../transport/tcp.ts'
import type { Logger } from '../../process/log.ts'
import { RareLog } from '../../process/rare-log.ts'
import type { TunnelStream } from '../../tunnel/index.ts'
import type { GatewayView, PlannedPreview, Resolution, Wanted } from '../gateway-view.ts'
import { attemptsOf } from './endpoint.ts'
import type { GatewayLimits } from './limits.ts'

export interface StreamServerOptions {
  readonly view: GatewayView
  readonly limits: GatewayLimits
  readonly logger: Logger
  /** Called when a stream was refused because its target is not a preview's. */
  readonly onForbidden: () => void
}

/**
 * Serves the streams that a relay opens. A stream names a Service's port as an environment sees it. The server
 * dials only targets of previews, at the endpoints of the current plan, because the relay may be compromised.
 */
export class StreamServer {
  readonly #view: GatewayView
  readonly #limits: GatewayLimits
  readonly #logger: Logger
  readonly #onForbidden: () => void
  readonly #forbidden: RareLog
  #previews: readonly PlannedPreview[] = []
  /** Targets of {@link #previews}. */
  #allowed = new Set<string>()
  #turn = 0

  constructor(options: StreamServerOptions) {
    this.#view = options.view
    this.#limits = options.limits
    this.#logger = options.logger
    this.#onForbidden = options.onForbidden
    const message = 'the relay asks for a target that is not a preview’s'
    this.#forbidden = new RareLog(options.logger, message, options.limits.forbiddenLogMs)
  }

  serve(stream: TunnelStream): void {
    const { environment, service, port } = stream.target
    if (!this.#isAllowed(stream.target)) return this.#forbid(stream)
    const found = this.#view.resolve(stream.target)
    if (found === undefined) {
      return stream.reset('unknown', `${environment} has no service ${service} with port ${port}`)
    }
    const endpoints = attemptsOf(found.endpoints, this.#turn++, this.#limits.attempts)
    if (endpoints.length === 0) {
      return stream.reset('unavailable', sentenceOf(service, found, 'has no ready endpoint'))
    }
    // Bytes that arrive before the endpoint is connected wait in the stream, within its credit.
    stream.pause()
    const upstreams = endpoints.map(({ host, port }) => tcpUpstream(host, port))
    const reaching = new Reach(upstreams, this.#limits.connectMs, {
      reached: (transport) => {
        stream.accept()
        pipe(stream, transport, { idleMs: this.#limits.idleMs })
        stream.resume()
      },
      unreachable: (tried) => {
        this.#logger.debug(
          { environment, service, port, endpoints: found.endpoints },
          'no endpoint accepts connections',
        )
        stream.receiver = IGNORE
        stream.reset(
          'connect',
          sentenceOf(service, found, `has no endpoint that accepts connections (${tried} tried)`),
        )
      },
    })
    stream.receiver = { ...IGNORE, onClose: () => reaching.cancel() }
  }

  #isAllowed(target: Wanted): boolean {
    const previews = this.#view.previews()
    if (previews !== this.#previews) {
      this.#previews = previews
      this.#allowed = new Set(previews.map(nameOf))
    }
    return this.#allowed.has(nameOf(target))
  }

  /** Counts every forbidden stream, but logs only a few, because a relay may ask often. */
  #forbid(stream: TunnelStream): void {
    this.#onForbidden()
    const { environment, service, port } = stream.target
    this.#forbidden.add({ environment, service, port })
    stream.reset('forbidden', `${nameOf(stream.target)} is not the target of a preview`)
  }
}

/** What the cluster reports about the pods, or else what is missing. */
const sentenceOf = (service: string, { environment, trouble }: Resolution, missing: string): string =>
  `${service} of ${environment} ${trouble ?? missing}`

const nameOf = ({ environment, service, port }: Wanted): string => `${environment}/${service}:${port}`
