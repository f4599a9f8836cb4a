import { serveAdmin } from '../process/admin.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import type { ManagerConfig } from './config.ts'
import { Driver } from './driver.ts'
import { gatewayOf } from './gateway/gateway.ts'
import type { GatewayView } from './gateway-view.ts'
import { ManagerMetrics } from './metrics.ts'
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
   * Whether it acts: serves sidecars and writes statuses. One that does not is ready all the same, refuses
   * sidecars with 503, and follows what happens so that it could act at once. Preview traffic goes through all.
   */
  lead(leading: boolean): void
  /**
   * Leads no more, though nobody else is known to lead: writes and deletes nothing, and goes on to serve sidecars
   * with what it knows, until it leads again or another one does.
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
  const metrics = new ManagerMetrics()
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
    onRefused: (reason) => metrics.refusals.inc(reason),
  })
  // Every replica holds a tunnel, so that no preview depends on one process.
  const gateway = gatewayOf(config, {
    view,
    logger,
    onForbidden: () => metrics.forbiddenStream(),
    // Where this one only holds on, since it does not reach the API.
    onLed: () => driver.leading || lead(false),
  })
  const lead = (leads: boolean): void => {
    driver.lead(leads)
    gateway?.lead(leads)
  }
  lead(leading)
  driver.start()
  const adminPort = admin.port
  logger.info({ host, routesPort: push.port, adminPort, cluster }, 'manager runs')
  return {
    routesPort: push.port,
    adminPort,
    view,
    lead,
    hold: () => driver.hold(),
    notReady: () => driver.notReady(),
    async stop() {
      await gateway?.stop()
      await push.close()
      await driver.stop()
      await admin.close()
    },
  }
}
