import { randomUUID } from 'node:crypto'
import { MANAGER_LEASE } from '@branchline/wire/permissions'
import type { Logger } from '../process/log.ts'
import type { ManagerConfig } from './config.ts'
import { createLease } from '../kubernetes/lease/lease.ts'
import type { LeaseLimits } from '../kubernetes/lease/limits.ts'
import { createLeaseStore } from '../kubernetes/lease/store.ts'
import { type RunningManager, startManager } from './manager.ts'
import type { ApiAccess } from '../kubernetes/access.ts'
import { createKubernetesSource } from './sources/kubernetes/source.ts'
import type { Source } from './sources/source.ts'

/**
 * Runs one replica of the manager on a Kubernetes API: it sees and plans at once, and acts while it holds the
 * Lease. It stands for election once it has seen all there is, so that who leads can answer.
 */
export async function startOnKubernetes(
  config: ManagerConfig,
  access: ApiAccess,
  logger: Logger,
  leaseLimits?: LeaseLimits,
): Promise<RunningManager> {
  const { instance, namespace } = config
  const source = createKubernetesSource({ access, logger, instance })
  const lease = createLease({
    store: createLeaseStore(source.api, namespace, MANAGER_LEASE),
    // Two processes of one pod name, one after the other, are two candidates.
    identity: `${instance}_${randomUUID()}`,
    logger,
    ...(leaseLimits && { limits: leaseLimits }),
    onElected: () => manager.lead(true),
    onLost: () => manager.hold(),
    onFollowed: () => manager.lead(false),
  })
  const { promise: warm, resolve: seenAll } = Promise.withResolvers<void>()
  const observed: Source = {
    ...source,
    start: (handler) => {
      source.start((event) => {
        handler(event)
        if (event.type === 'SYNCED') seenAll()
      })
    },
  }
  const manager = await startManager(config, observed, logger, { leading: false })
  void warm.then(() => lease.start())
  return {
    ...manager,
    async stop() {
      await lease.stop()
      await manager.stop()
    },
  }
}
