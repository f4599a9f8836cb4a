import { IGNORE, pipe } from '../../http/index.ts'
import type { Logger } from '../../process/log.ts'
import type { TunnelStream } from '../../tunnel/index.ts'
import type { GatewayView } from '../gateway-view.ts'
import { attemptsOf } from './endpoint.ts'
import type { GatewayLimits } from './limits.ts'
import { reach } from './reach.ts'

/**
 * Serves the streams that a relay opens. A stream names a Service's port as an environment sees it; the plan
 * at hand says who answers, and nobody else is ever dialled.
 */
export class StreamServer {
  readonly #view: GatewayView
  readonly #limits: GatewayLimits
  readonly #logger: Logger
  #turn = 0

  constructor(options: { view: GatewayView; limits: GatewayLimits; logger: Logger }) {
    this.#view = options.view
    this.#limits = options.limits
    this.#logger = options.logger
  }

  serve(stream: TunnelStream): void {
    const { environment, service, port } = stream.target
    const found = this.#view.resolve(stream.target)
    if (found === undefined) {
      return stream.reset('unknown', `${environment} has no service ${service} with port ${port}`)
    }
    const endpoints = attemptsOf(found.endpoints, this.#turn++, this.#limits.attempts)
    if (endpoints.length === 0) {
      return stream.reset('unavailable', `no endpoint of ${service} in ${found.environment} is ready`)
    }
    // What comes before the endpoint is there waits in the stream, within its credit.
    stream.pause()
    const reaching = reach(endpoints, this.#limits.connectMs, (transport) => {
      if (transport === undefined) {
        this.#logger.debug({ environment, service, port, endpoints: found.endpoints }, 'no endpoint answers')
        const text = `no endpoint of ${service} in ${found.environment} takes connections (${endpoints.length} tried)`
        stream.receiver = IGNORE
        return stream.reset('connect', text)
      }
      stream.accept()
      pipe(stream, transport, { idleMs: this.#limits.idleMs })
      stream.resume()
    })
    stream.receiver = { ...IGNORE, onClose: () => reaching.cancel() }
  }
}
