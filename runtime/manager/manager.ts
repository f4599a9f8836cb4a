import type { AddressInfo } from 'node:net'
import { serveAdmin } from '../process/admin.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import type { ManagerConfig } from './config.ts'
import { Driver } from './driver.ts'
import type { GatewayView } from './gateway-view.ts'
import { createMetrics } from './metrics.ts'
import { servePush } from './push/server.ts'
import type { Source } from './sources/source.ts'

/** A manager that runs, and the ports on which it listens. */
export interface RunningManager extends Running {
  readonly routesPort: number
  readonly adminPort: number
  /** The seam for a lease: see Driver.lead. A follower is ready, and refuses sidecars with 503. */
  readonly driver: Driver
}

/** Starts what carries preview traffic, once the rest runs. */
export type StartGateway = (view: GatewayView) => Promise<Running> | Running

/** Runs a manager on a source. Rejects where a port is taken. */
export async function startManager(
  config: ManagerConfig,
  source: Source,
  logger: Logger,
  startGateway?: StartGateway,
): Promise<RunningManager> {
  const { host, limits, gatherMs } = config
  const metrics = createMetrics()
  const driver = new Driver({ source, limits, metrics, logger, gatherMs })
  const admin = await serveAdmin({
    host,
    port: config.adminPort,
    notReady: () => driver.notReady(),
    metrics: () => metrics.read(),
    dumps: { '/routes': () => driver.dump() },
  })
  const reviewToken = (token: string) => source.reviewToken(token)
  const serving = () => driver.leading
  const { hub } = driver
  const push = await servePush({ host, port: config.routesPort, limits, logger, hub, serving, reviewToken })
  driver.start()
  const gateway = await startGateway?.(driver.gateway)
  const adminPort = (admin.address() as AddressInfo).port
  logger.info({ host, routesPort: push.port, adminPort, cluster: config.cluster }, 'manager runs')
  return {
    routesPort: push.port,
    adminPort,
    driver,
    async stop() {
      await gateway?.stop()
      await push.close()
      await driver.stop()
      admin.closeAllConnections()
      await new Promise((resolve) => admin.close(resolve))
    },
  }
}
