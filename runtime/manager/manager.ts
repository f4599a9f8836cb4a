import type { AddressInfo } from 'node:net'
import { serveAdmin } from '../process/admin.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import type { ManagerConfig } from './config.ts'
import { Driver } from './driver.ts'
import { gatewayOf } from './gateway/gateway.ts'
import type { GatewayView } from './gateway-view.ts'
import { createMetrics } from './metrics.ts'
import { servePush } from './push/server.ts'
import type { Source } from './sources/source.ts'

/** A manager that runs, and the ports on which it listens. */
export interface RunningManager extends Running {
  readonly routesPort: number
  readonly adminPort: number
  readonly view: GatewayView
  /** Why it is not ready, or undefined. */
  notReady(): string | undefined
  /**
   * Whether it acts: serves sidecars, writes statuses, holds the tunnel to the relay. One that does not is
   * ready all the same, refuses sidecars with 503, and follows what happens so that it could act at once.
   */
  lead(leading: boolean): void
  /**
   * Leads no more, though nobody else is known to lead: writes and deletes nothing, and goes on to serve sidecars
   * and the tunnel with what it knows, until it leads again or another one does.
   */
  hold(): void
}

/** Runs a manager on a source; it acts at once unless told otherwise. Rejects where a port is taken. */
export async function startManager(
  config: ManagerConfig,
  source: Source,
  logger: Logger,
  { leading = true } = {},
): Promise<RunningManager> {
  const { host, limits, gatherMs, cluster } = config
  const metrics = createMetrics()
  const driver = new Driver({ source, limits, metrics, logger, gatherMs })
  const { hub, gateway: view } = driver
  const admin = await serveAdmin({
    host,
    port: config.adminPort,
    notReady: () => driver.notReady(),
    metrics: () => metrics.read(),
    dumps: { '/routes': () => driver.dump() },
  })
  const serving = () => driver.serving
  const reviewToken = (token: string) => source.reviewToken(token)
  const push = await servePush({
    host,
    port: config.routesPort,
    limits,
    logger,
    hub,
    serving,
    reviewToken,
    ...(config.checkPodAddress && { judgeOrigin: (pod, from) => driver.origins.judge(pod, from) }),
    onRefused: (reason) => metrics.refusals.inc({ reason }),
  })
  // The relay has another connection of this cluster: the other one leads, where this one only holds on.
  const onReplaced = (): void => {
    if (!driver.leading) setImmediate(() => driver.leading || lead(false))
  }
  const gateway = new GatewaySwitch(gatewayOf(config, logger, onReplaced), view, logger)
  const lead = (leads: boolean): void => {
    driver.lead(leads)
    gateway.turn(leads)
  }
  lead(leading)
  driver.start()
  const adminPort = (admin.address() as AddressInfo).port
  logger.info({ host, routesPort: push.port, adminPort, cluster }, 'manager runs')
  return {
    routesPort: push.port,
    adminPort,
    view,
    lead,
    hold: () => driver.hold(),
    notReady: () => driver.notReady(),
    async stop() {
      await gateway.stop()
      await push.close()
      await driver.stop()
      admin.closeAllConnections()
      await new Promise((resolve) => admin.close(resolve))
    },
  }
}

/** The tunnel to the relay, where there is one: held while this replica leads. */
class GatewaySwitch {
  readonly #start: ((view: GatewayView) => Running) | undefined
  readonly #view: GatewayView
  readonly #logger: Logger
  #running: Running | undefined
  #stopped: Promise<void> = Promise.resolve()

  constructor(start: ((view: GatewayView) => Running) | undefined, view: GatewayView, logger: Logger) {
    this.#start = start
    this.#view = view
    this.#logger = logger
  }

  turn(on: boolean): void {
    if (on) this.#running ??= this.#start?.(this.#view)
    else {
      const stopping = this.#running?.stop().catch((error: unknown) => {
        this.#logger.warn({ err: error }, 'the tunnel did not end in order')
      })
      this.#running = undefined
      this.#stopped = Promise.all([this.#stopped, stopping]).then(() => undefined)
    }
  }

  async stop(): Promise<void> {
    this.turn(false)
    await this.#stopped
  }
}
