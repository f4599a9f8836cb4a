import { randomUUID } from 'node:crypto'
import { MANAGER_LEASE } from '@branchline/wire/permissions'
import type { Logger } from '../process/log.ts'
import type { ManagerConfig } from './config.ts'
import { createLease } from '../kubernetes/lease/lease.ts'
import type { LeaseLimits } from '../kubernetes/lease/limits.ts'
import { createLeaseStore } from '../kubernetes/lease/store.ts'
import { Leadership } from './leadership.ts'
import { type RunningManager, startManager } from './manager.ts'
import type { ApiAccess } from '../kubernetes/access.ts'
import { createKubernetesSource } from './sources/kubernetes/source.ts'
import type { Source } from './sources/source.ts'

/**
 * Runs one replica of the manager on a Kubernetes API. It watches and plans immediately, and leads while it holds the
 * Lease. It stands for election once it has listed all objects, so that a new leader can serve at once.
 */
export async function startOnKubernetes(
  config: ManagerConfig,
  access: ApiAccess,
  logger: Logger,
  leaseLimits?: LeaseLimits,
): Promise<RunningManager> {
  const { instance, namespace } = config
  const source = createKubernetesSource({ access, logger, instance })
  const leadership = new Leadership('follows')
  const lease = createLease({
    store: createLeaseStore(source.api, namespace, MANAGER_LEASE),
    // A pod's restarted process is a new candidate under the same pod name.
    identity: `${instance}_${randomUUID()}`,
    logger,
    ...(leaseLimits && { limits: leaseLimits }),
    onElected: () => leadership.lead(),
    onLost: () => leadership.hold(),
    onFollowed: () => leadership.follow(),
  })
  const observed: Source = {
    ...source,
    start: (handler) => {
      source.start((event) => {
        handler(event)
        if (event.type === 'SYNCED') lease.start()
      })
    },
  }
  const manager = await startManager(config, observed, logger, leadership)
  return {
    ...manager,
    async stop() {
      await lease.stop()
      await manager.stop()
    },
  }
}
