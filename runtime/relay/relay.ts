import { UpstreamPool } from '../http1/index.ts'
import { serveAdmin } from '../process/admin.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import { unread, type UnreadLimits } from '../transport/unread-bytes.ts'
import type { TunnelLink } from '../tunnel/index.ts'
import { Clusters } from './worker/clusters/clusters.ts'
import type { Credential } from './worker/clusters/credentials.ts'
import type { RelayConfig } from './config.ts'
import { Apex } from './worker/visitors/apex.ts'
import { VisitorEngines } from './worker/frontends/engines.ts'
import { listenForVisitors, type VisitorListener } from './worker/frontends/listener.ts'
import { type WorkerCircuits, workerCircuits } from './worker/circuits/index.ts'
import { DialPolicy } from './dial-policy.ts'
import { refusedTrailers } from './worker/visitors/head-edits.ts'
import { urlOf } from '../visitor/host.ts'
import { RelayMetrics } from './metrics.ts'
import { Registry } from './worker/clusters/registry.ts'
import { StateFile } from './worker/clusters/state.ts'
import { RareLog } from '../process/rare-log.ts'
import { serveTunnels } from './worker/clusters/tunnel-server.ts'
import { Visitors } from './worker/visitors/visitors.ts'

/** A running relay, and the ports on which it listens. */
export interface RunningRelay extends Running {
  readonly httpPort: number
  readonly tunnelPort: number
  readonly adminPort: number
}

/** Runs a relay. Rejects if a port is in use. */
export async function startRelay(config: RelayConfig, logger: Logger): Promise<RunningRelay> {
  const { host, limits, domain } = config
  const { registry, state, isReturning } = await restoreRegistry(config, logger)
  const pool = new UpstreamPool(limits.http)
  const clusters = new Clusters({
    registry,
    limits,
    logger,
    onRegistered: () => circuits.hold.wake(),
    onDrain: () => {
      pool.retire()
      engines.retire()
    },
  })
  const { connectionsPerAddress, requestsPerAddress } = limits
  const visitors = new Visitors({ connectionsPerAddress, requestsPerAddress, fronts: config.fronts })
  boundUnread(limits.unread, logger)
  const { engines, metrics, circuits } = serveVisitors(config, {
    registry,
    clusters,
    pool,
    isReturning,
    visitors,
  })
  let stopping = false
  const admin = await serveAdmin({
    hosts: [host],
    port: config.adminPort,
    notReady: () => (stopping ? 'stopping' : undefined),
    metrics: async () => {
      const { contentType, text } = await metrics.read()
      return { contentType, text: text + circuits.served.metrics.read() }
    },
    dumps: { '/previews': () => registry.dump() },
  })
  const tunnels = await serveTunnels({
    host,
    port: config.tunnelPort,
    limits: limits.tunnelPort,
    credentials: config.credentials,
    logger,
    hasRoom: (credential) => clusters.hasRoom(credential),
    onSocket: (socket, credential) => clusters.accept(socket, credential),
  })
  const listener = await openListener(config, { engines, visitors, metrics, logger })
  const adminPort = admin.port
  logger.info({ host, httpPort: listener.port, tunnelPort: tunnels.port, adminPort, domain }, 'relay runs')
  return {
    httpPort: listener.port,
    tunnelPort: tunnels.port,
    adminPort,
    async stop() {
      stopping = true
      listener.stop()
      await engines.stop()
      circuits.stop()
      pool.close()
      clusters.stop()
      const cut = setTimeout(() => clusters.cut(), limits.goodbyeMs)
      await tunnels.close()
      clearTimeout(cut)
      clusters.cut()
      await state?.close()
      await admin.close()
    },
  }
}

function boundUnread({ limitBytes }: UnreadLimits, logger: Logger): void {
  unread.bound(limitBytes, (count) => {
    logger.warn({ count, limitBytes }, 'connections were cut: their peers read too slowly')
  })
}

function openListener(
  { host, httpPort: port, limits }: RelayConfig,
  parts: {
    readonly engines: VisitorEngines
    readonly visitors: Visitors
    readonly metrics: RelayMetrics
    readonly logger: Logger
  },
): Promise<VisitorListener> {
  const { engines, visitors, metrics, logger } = parts
  const refusals = new RareLog(logger, 'refused a visitor: its address has too many connections')
  const onRefused = (from: string | undefined): void => {
    metrics.connectionRefused()
    refusals.add({ from })
  }
  return listenForVisitors({ host, port, engines, visitors, headMs: limits.http.headMs, onRefused })
}

interface RestoredRegistry {
  readonly registry: Registry<TunnelLink>
  readonly state: StateFile | undefined
  readonly isReturning: () => boolean
}

/** Creates the registry, with the owners of labels from the state directory. */
async function restoreRegistry(config: RelayConfig, logger: Logger): Promise<RestoredRegistry> {
  const { limits, publicUrl, stateDirectory, credentials } = config
  const registry: Registry<TunnelLink> = new Registry({
    limits,
    urlOf: (label) => urlOf(label, publicUrl),
    onOwners: () => state?.save(),
  })
  const state =
    stateDirectory === undefined
      ? undefined
      : new StateFile({ directory: stateDirectory, limits, logger, owners: () => registry.owners() })
  const remembered = await state?.read()
  const startedAtMs = performance.now()
  // A credential that has been removed loses its labels.
  const known = new Set(credentials.map(({ id }) => id))
  registry.restore(remembered?.filter(({ credential }) => known.has(credential)) ?? [], startedAtMs)
  state?.save()
  const areAllBack = (): boolean =>
    (remembered !== undefined && registry.awaited === 0) || haveAllListed(credentials, registry)
  let over = false
  const isReturning = (): boolean => {
    over ||= performance.now() - startedAtMs >= limits.returnMs || areAllBack()
    return !over
  }
  return { registry, state, isReturning }
}

/** Whether every cluster that may connect has listed its previews. Unknown if a credential is valid for any cluster. */
const haveAllListed = (credentials: readonly Credential[], registry: Registry<TunnelLink>): boolean =>
  credentials.every(({ id, cluster }) => cluster !== undefined && registry.hasListed(id, cluster))

function serveVisitors(
  config: RelayConfig,
  parts: {
    readonly registry: Registry<TunnelLink>
    readonly clusters: Clusters
    readonly pool: UpstreamPool
    readonly isReturning: () => boolean
    readonly visitors: Visitors
  },
): { engines: VisitorEngines; metrics: RelayMetrics; circuits: WorkerCircuits } {
  const { registry, clusters, pool, isReturning, visitors } = parts
  const { limits, domain, trace, header, publicUrl, index } = config
  const scheme = publicUrl.protocol.slice(0, -1)
  const worker = workerCircuits({
    domain,
    apex: new Apex({ domain, publicUrl, index }),
    edits: { trace, header, scheme, explain: config.routeExplain === 'allow' },
    policy: new DialPolicy(),
    links: { linksOf: (_target, label) => registry.find(label) },
    registered: (label) => registry.find(label),
    isReturning,
    visitors,
    requestsPerPreview: limits.requestsPerPreview,
    responseProgressMs: limits.http.responseProgressMs,
    hold: limits.hold,
  })
  const { circuits, hold } = worker
  const engines: VisitorEngines = new VisitorEngines({
    route: (head, client) => circuits.route(head, client),
    failure: (error, exchange) => circuits.failure(error, exchange),
    observer: {
      exchangeDone(report) {
        metrics.exchangeDone(circuits.clusterOf(report), report.status, report.ms)
        circuits.done(report)
      },
      connectionClosed: (client) => circuits.closed(client),
    },
    limits,
    refusesTrailer: refusedTrailers(header),
    pool,
    via: config.via,
  })
  const metrics: RelayMetrics = new RelayMetrics({
    clusters: () => registry.clusters,
    links: () => clusters.links,
    labels: () => registry.labels,
    streams: () => clusters.streams,
    held: () => hold.size,
    connections: () => engines.connections,
  })
  return { engines, metrics, circuits: worker }
}
