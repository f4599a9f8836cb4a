import { serveAdmin } from '../process/admin.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import type { ManagerConfig } from './config.ts'
import { Driver } from './driver.ts'
import { gatewayOf } from './gateway/gateway.ts'
import type { GatewayView } from './gateway-view.ts'
import { Leadership } from './leadership.ts'
import { ManagerMetrics } from './metrics.ts'
import { servePush } from './push/server.ts'
import type { Source } from './sources/source.ts'

/** A running manager, and the ports on which it listens. */
export interface RunningManager extends Running {
  readonly routesPort: number
  readonly adminPort: number
  readonly view: GatewayView
  /** Why it is not ready. Undefined if it is. */
  notReady(): string | undefined
  /** The role of this replica. In every role it is ready, watches and plans, and carries preview traffic. */
  readonly leadership: Leadership
}

/** Runs a manager on a source. By default it leads. Rejects if a port is in use. */
export async function startManager(
  config: ManagerConfig,
  source: Source,
  logger: Logger,
  leadership = new Leadership('leads'),
): Promise<RunningManager> {
  const { host, limits, gatherMs, cluster, podMessages } = config
  const metrics = new ManagerMetrics()
  const driver = new Driver({ source, leadership, limits, metrics, logger, gatherMs, podMessages })
  const { hub, gateway: view } = driver
  const admin = await serveAdmin({
    hosts: [host],
    port: config.adminPort,
    notReady: () => driver.notReady(),
    metrics: () => metrics.read(),
    dumps: { '/routes': () => driver.dump() },
  })
  const serving = () => leadership.serves
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
  // Every replica keeps a tunnel, so that no preview depends on one process.
  const gateway = gatewayOf(config, {
    view,
    logger,
    onForbidden: () => metrics.forbiddenStream(),
    // The relay knows better than a replica that only holds, because that cannot reach the API.
    onLed: () => leadership.writes || leadership.follow(),
  })
  leadership.whileServing({ start: () => gateway?.lead(true), stop: () => gateway?.lead(false) })
  driver.start()
  const adminPort = admin.port
  logger.info({ host, routesPort: push.port, adminPort, cluster }, 'manager runs')
  return {
    routesPort: push.port,
    adminPort,
    view,
    leadership,
    notReady: () => driver.notReady(),
    async stop() {
      await gateway?.stop()
      await push.close()
      await driver.stop()
      await admin.close()
    },
  }
}
