import type { Duplex } from 'node:stream'
import {
  WORKERS_CONNECT_PATH,
  WORKERS_SUBPROTOCOL,
  MAX_WORKER_MESSAGE,
} from '@branchline/wire/circuits/protocol'
import type { JoinedWorker, WorkerFacts } from '@branchline/wire/circuits/worker'
import type { EtcdAddress } from '../../etcd/address.ts'
import { EtcdClient } from '../../etcd/client.ts'
import { DEFAULT_ETCD_LIMITS, type EtcdLimits } from '../../etcd/limits.ts'
import type { Logger } from '../../process/log.ts'
import type { Running } from '../../process/main.ts'
import { connectInMemory } from '../../process/memory-connection.ts'
import { acceptUpgrades } from '../../process/upgrade.ts'
import type { DialPolicy } from '../dial-policy.ts'
import type { OwnerKey } from '../owner-key.ts'
import { acceptJoinToken, acceptOwnerKey } from './access/given.ts'
import { createOwnerKey } from './access/keys.ts'
import { redeem } from './access/redeem.ts'
import { ApiCounts } from './api/counts.ts'
import { type ApiLimits, DEFAULT_API_LIMITS } from './api/limits.ts'
import { type ApiServer, startApi } from './api/server.ts'
import type { CircuitContext } from './circuits/context.ts'
import { Leader } from './leader/leader.ts'
import { DEFAULT_LEADER_LIMITS, type LeaderLimits } from './leader/limits.ts'
import { DEFAULT_STORE_LIMITS, type StoreLimits } from './store/limits.ts'
import { openStore, type StoreLocation } from './store/open.ts'
import type { Store } from './store/store.ts'
import { coordinatorMetrics } from './metrics.ts'
import { Leading } from './workers/leading.ts'
import { joinLocal, joinWorker } from './workers/join.ts'
import { DEFAULT_WORKERS_LIMITS, type WorkersLimits } from './workers/limits.ts'
import type { PreviewLimits } from './workers/preview-plan.ts'
import { DeploymentTimings } from './workers/timings.ts'

/** Every limit and timeout of a coordinator. */
export interface CoordinatorLimits {
  readonly store: StoreLimits
  readonly leader: LeaderLimits
  readonly workers: WorkersLimits
  readonly api: ApiLimits
  readonly etcd: EtcdLimits
}

/** The defaults of {@link CoordinatorLimits}. */
export const DEFAULT_COORDINATOR_LIMITS: CoordinatorLimits = {
  store: DEFAULT_STORE_LIMITS,
  leader: DEFAULT_LEADER_LIMITS,
  workers: DEFAULT_WORKERS_LIMITS,
  api: DEFAULT_API_LIMITS,
  etcd: DEFAULT_ETCD_LIMITS,
}

export interface CoordinatorOptions {
  readonly location: StoreLocation
  readonly host: string
  readonly apiPort: number
  readonly limits: CoordinatorLimits
  readonly previewLimits: PreviewLimits
  readonly logger: Logger
  readonly domain: string
  readonly publicUrl: URL
  readonly dialPolicy: DialPolicy
  /** Default: new. */
  readonly ownerKey?: OwnerKey
  /** A join token that the configuration gives. Empty: none. */
  readonly joinToken?: string
  /** The URL of a host label for visitors. */
  readonly urlOf: (label: string) => string
  /** The URL of the metrics of this coordinator, as Prometheus reaches it. Undefined: it does not. */
  readonly metricsUrl?: () => string | undefined
  /** Where circuits are also written, and workers keep leases. Default: nowhere. */
  readonly etcd?: EtcdAddress | undefined
}

/** A coordinator that runs. */
export interface RunningCoordinator extends Running {
  readonly apiPort: number
  /** The owner's key, at the first start. It cannot be read again. */
  readonly ownerKey: string | undefined
  readonly store: Store
  /** What only the leader knows. */
  readonly leading: Leading
  /** Why it cannot take traffic. Undefined if it can. */
  notReady(): string | undefined
  /** All metrics, in Prometheus' text format. */
  metrics(): Promise<string>
  /** Connects to the API without a socket. */
  connect(): Duplex
  /** Joins the worker of this process. */
  join(facts: WorkerFacts): Promise<JoinedWorker>
}

/**
 * Starts a coordinator: the store, the API and, while it leads, the connections of workers. Rejects if the port is in use,
 * or if the database cannot be opened.
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<RunningCoordinator> {
  const { location, limits, previewLimits, logger, urlOf } = options
  const { store, close } = await openStore(location, logger, limits.store)
  const leader = new Leader({
    address: store.address,
    storeLimits: limits.store,
    limits: limits.leader,
    logger,
  })
  const { domain, publicUrl, dialPolicy } = options
  const etcd = options.etcd && new EtcdClient({ ...options.etcd, limits: limits.etcd })
  const context = { store, domain, publicUrl, dialPolicy }
  const timings = new DeploymentTimings()
  const counts = new ApiCounts()
  const leading = new Leading({
    context,
    timings,
    limits: limits.workers,
    previewLimits,
    logger,
    urlOf,
    redeem: (code, host, hash) => redeem(context, code, host, hash),
    etcd,
  })
  leader.onTerm((term) => leading.change(term))
  const stopLeading = async (): Promise<void> => {
    await leading.stop()
    await leader.stop()
    etcd?.close()
    await close()
  }
  try {
    const ownerKey = await prepareAccess(store, options)
    const api = await serveApi(options, context, leading, counts)
    return {
      apiPort: Number(new URL(api.url).port),
      ownerKey,
      store,
      leading,
      notReady: () => (store.state === 'up' ? undefined : 'the database does not respond'),
      metrics: () => coordinatorMetrics({ leader, leading, store, api: counts, timings }),
      connect: () => connectInMemory(api.server),
      join: (facts) => joinLocal(store, facts),
      async stop() {
        const closed = api.close()
        await stopLeading()
        await closed
      },
    }
  } catch (error) {
    await stopLeading()
    throw error
  }
}

/** Makes the owner's key, or accepts the given one, and the given join token. Returns a key that was made. */
async function prepareAccess(
  store: Store,
  { ownerKey = 'new', joinToken = '' }: CoordinatorOptions,
): Promise<string | undefined> {
  if (joinToken !== '') await acceptJoinToken(store, joinToken)
  if (ownerKey === 'new') return createOwnerKey(store)
  if (ownerKey !== 'none') await acceptOwnerKey(store, ownerKey.secret)
  return undefined
}

async function serveApi(
  options: CoordinatorOptions,
  context: CircuitContext,
  leading: Leading,
  counts: ApiCounts,
): Promise<ApiServer> {
  const { host, apiPort: port, limits, logger, metricsUrl } = options
  const api = await startApi({
    context,
    logger,
    limits: limits.api,
    counts,
    metrics: () => [metricsUrl?.()].filter((url) => url !== undefined),
    joinWorker: (token, facts) => joinWorker(context.store, token, facts),
    host,
    port,
  })
  acceptUpgrades(api.server, api.gate, {
    limits: limits.workers,
    webSocket: {
      clientTracking: false,
      maxPayload: MAX_WORKER_MESSAGE,
      handleProtocols: () => WORKERS_SUBPROTOCOL,
    },
    authorize: (request) =>
      request.url?.split('?', 1)[0] === WORKERS_CONNECT_PATH ? leading.authorize(request) : { status: 404 },
    onFault: (error) => logger.warn({ err: error }, 'a worker could not be authorized'),
  })
  return api
}
