import type { AddressInfo } from 'node:net'
import { HttpEngine, listen, UpstreamPool } from '../http/index.ts'
import { serveAdmin } from '../process/admin.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import type { TunnelLink } from '../tunnel/index.ts'
import { Clusters } from './clusters.ts'
import type { RelayConfig } from './config.ts'
import { Frontend } from './frontend.ts'
import { refusedTrailers } from './head-edits.ts'
import { urlOf } from './host.ts'
import { RelayMetrics } from './metrics.ts'
import { Registry } from './registry.ts'
import { serveTunnels } from './tunnel-server.ts'

/** A relay that runs, and the ports on which it listens. */
export interface RunningRelay extends Running {
  readonly httpPort: number
  readonly tunnelPort: number
  readonly adminPort: number
}

/** Runs a relay. Rejects where a port is taken. */
export async function startRelay(config: RelayConfig, logger: Logger): Promise<RunningRelay> {
  const { host, limits, domain, publicUrl } = config
  const registry = new Registry<TunnelLink>({
    labels: limits.labels,
    goneMs: limits.goneMs,
    urlOf: (label) => urlOf(label, publicUrl),
  })
  const clusters = new Clusters({ registry, limits, logger })
  const { engine, pool, metrics } = visitors(config, registry, clusters)
  let stopping = false
  const admin = await serveAdmin({
    host,
    port: config.adminPort,
    notReady: () => (stopping ? 'stopping' : undefined),
    metrics: () => metrics.read(),
    dumps: { '/circuits': () => registry.dump() },
  })
  const tunnels = await serveTunnels({
    host,
    port: config.tunnelPort,
    limits: limits.tunnelPort,
    credentials: config.credentials,
    logger,
    onSocket: (socket, credential) => clusters.accept(socket, credential),
  })
  const listener = await listen({ host, port: config.httpPort }, (transport) => engine.serve(transport))
  const adminPort = (admin.address() as AddressInfo).port
  logger.info({ host, httpPort: listener.port, tunnelPort: tunnels.port, adminPort, domain }, 'relay runs')
  return {
    httpPort: listener.port,
    tunnelPort: tunnels.port,
    adminPort,
    async stop() {
      stopping = true
      listener.stop()
      await engine.stop()
      pool.close()
      clusters.stop()
      const cut = setTimeout(() => clusters.cut(), limits.goodbyeMs)
      await tunnels.close()
      clearTimeout(cut)
      clusters.cut()
      admin.closeAllConnections()
      await new Promise((resolve) => admin.close(resolve))
    },
  }
}

function visitors(
  config: RelayConfig,
  registry: Registry<TunnelLink>,
  clusters: Clusters,
): { engine: HttpEngine; pool: UpstreamPool; metrics: RelayMetrics } {
  const { limits, domain, trace, header, publicUrl } = config
  const scheme = publicUrl.protocol.slice(0, -1)
  const frontend = new Frontend({
    domain,
    edits: { trace, header, scheme, explain: config.routeExplain === 'allow' },
    find: (label) => registry.find(label),
  })
  const pool = new UpstreamPool(limits.http)
  const engine: HttpEngine = new HttpEngine({
    route: (head, client) => frontend.route(head, client),
    failure: (error, { head }) => frontend.failure(error, head),
    observer: {
      exchangeDone: (report) => metrics.exchangeDone(frontend.clusterOf(report), report.status, report.ms),
    },
    limits: limits.http,
    refusesTrailer: refusedTrailers(header),
    pool,
    via: config.via,
  })
  const metrics: RelayMetrics = new RelayMetrics({
    clusters: () => registry.clusters,
    labels: () => registry.labels,
    streams: () => clusters.streams,
    connections: () => engine.connections,
  })
  return { engine, pool, metrics }
}
