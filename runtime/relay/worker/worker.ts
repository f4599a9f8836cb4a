import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Addresses, WorkerFacts } from '@branchline/wire/circuits/worker'
import { UpstreamPool } from '../../http1/index.ts'
import type { Logger } from '../../process/log.ts'
import type { Running } from '../../process/main.ts'
import { RareLog } from '../../process/rare-log.ts'
import { unread } from '../../transport/unread-bytes.ts'
import type { TunnelLink } from '../../tunnel/index.ts'
import { urlOf } from '../../visitor/host.ts'
import type { RelayConfig } from '../config.ts'
import { RelayMetrics } from '../metrics.ts'
import { Clusters } from './clusters/clusters.ts'
import { Registry } from './clusters/registry.ts'
import { serveTunnels } from './clusters/tunnel-server.ts'
import { VisitorEngines } from './frontends/engines.ts'
import { guarded, guardedFailure } from './frontends/guard.ts'
import { listenForVisitors } from './frontends/listener.ts'
import { type HttpsOptions, openListeners, Redirect } from './frontends/listeners.ts'
import { Ports } from './frontends/ports/ports.ts'
import { LabelOwners } from './label-owners.ts'
import { Returning } from './returning.ts'
import { Reporter } from './reporter.ts'
import { TableFile } from './upstream/table-file.ts'
import { Upstream } from './upstream/upstream.ts'
import { Apex } from './visitors/apex.ts'
import type { Access } from './access/access.ts'
import { servedTable, workerAccess } from './worker-access.ts'
import { type WorkerCircuits, workerCircuits } from './circuits/index.ts'
import { circuitForward, routeOf } from './forward/circuit-forward.ts'
import type { Forward } from './forward/forward.ts'
import { refusedTrailers } from './visitors/head-edits.ts'
import { ListedCircuits } from './listed-circuits.ts'
import { Visitors } from './visitors/visitors.ts'

/** How a worker reaches the coordinator that leads. */
export interface CoordinatorLink {
  /** The URLs of coordinators, `http:` or `https:`. They are tried in turn. */
  readonly coordinators: readonly string[]
  /** Connects to a URL in another way than by TCP. Undefined for URLs for which it does not. */
  readonly connect?: (url: string) => Duplex | undefined
  /** Returns the credential of a worker with these facts. If it has none, it joins at this coordinator. */
  readonly credential: (facts: WorkerFacts, coordinator: string) => Promise<string>
  /** The coordinator does not know the credential. */
  readonly onUnknown: () => void
}

export interface WorkerOptions {
  readonly config: RelayConfig
  readonly link: CoordinatorLink
  readonly version: string
  readonly logger: Logger
  /** The worker has been removed: end it. */
  readonly onRemoved: () => void
  /** A second listener of visitors. Undefined: none. */
  readonly https?: HttpsOptions | undefined
}

/** A worker that runs. */
export interface RunningWorker extends Running {
  readonly httpPort: number
  readonly httpsPort: number | undefined
  readonly tunnelPort: number
  /** Why it cannot take traffic. Undefined if it can. */
  notReady(): string | undefined
  /** All metrics, in Prometheus' text format. */
  metrics(): Promise<string>
  /** All host labels, for people to read. */
  previews(): unknown
}

/** Runs a worker. Resolves once it serves a table, or has waited long enough for one. Rejects if a port is in use. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const worker = new Worker(options)
  try {
    await worker.start()
    return worker
  } catch (error) {
    await worker.stop()
    throw error
  }
}

const UNKNOWN = { state: 'unknown' } as const

class Worker implements RunningWorker {
  readonly #metrics: RelayMetrics
  readonly #options: WorkerOptions
  readonly #owners = new LabelOwners()
  readonly #registry: Registry<TunnelLink>
  readonly #clusters: Clusters
  readonly #returning: Returning
  readonly #access: Access
  readonly #circuits: WorkerCircuits
  readonly #forward: Forward
  readonly #listed: ListedCircuits
  readonly #pool: UpstreamPool
  readonly #visitors: Visitors
  readonly #engines: VisitorEngines
  readonly #redirect = new Redirect()
  readonly #upstream: Upstream
  readonly #reporter: Reporter
  readonly #hasTable = Promise.withResolvers<void>()
  readonly #listeners: { readonly stop: () => void | Promise<void> }[] = []
  /** With which it connects to other workers. A new one at each start: they get its hash from the coordinator. */
  readonly #peerToken = randomBytes(32).toString('base64url')
  /** The ports of circuits, once the worker listens. */
  #ports: Ports | undefined = undefined
  #draining = false
  #stopping = false
  httpPort = 0
  httpsPort: number | undefined = undefined
  tunnelPort = 0

  constructor(options: WorkerOptions) {
    this.#options = options
    const { config, logger } = options
    const { limits, publicUrl } = config
    this.#registry = new Registry<TunnelLink>({
      limits,
      urlOf: (label) => urlOf(label, publicUrl),
      ownerOf: (label) => this.#owners.get(label),
      onListing: (listing) => {
        this.#listed.listed(listing)
        this.#reporter.listed(listing)
      },
      onUnlisted: (cluster) => this.#reporter.unlisted(cluster),
    })
    this.#returning = new Returning({
      returnMs: limits.returnMs,
      credentials: config.credentials,
      hasListed: (cluster) => this.#registry.hasListed(cluster),
    })
    this.#pool = new UpstreamPool(limits.http)
    this.#clusters = new Clusters({
      registry: this.#registry,
      limits,
      logger,
      onRegistered: () => this.#circuits.hold.wake(),
      onDrain: () => {
        this.#pool.retire()
        this.#engines.retire()
      },
    })
    const { connectionsPerAddress, requestsPerAddress } = limits
    const trust = { fronts: config.fronts, header: config.frontsHeader }
    this.#visitors = new Visitors({ connectionsPerAddress, requestsPerAddress, trust })
    this.#access = workerAccess(() => this.#upstream, publicUrl.href)
    this.#circuits = this.#makeCircuits()
    this.#forward = circuitForward(this.#access, this.#circuits, () => servedTable(this.#upstream))
    this.#listed = new ListedCircuits(this.#registry, this.#circuits.served)
    this.#engines = this.#makeEngines()
    this.#metrics = new RelayMetrics({
      clusters: () => this.#registry.clusters,
      links: () => this.#clusters.links,
      labels: () => this.#owners.size,
      streams: () => this.#clusters.streams,
      held: () => this.#circuits.hold.size,
      connections: () => this.#engines.connections,
    })
    this.#upstream = this.#makeUpstream()
    this.#reporter = new Reporter({
      send: (report) => this.#upstream.send(report),
      heartbeatMs: limits.upstream.heartbeatMs,
      facts: () => this.#facts(),
      peerHash: createHash('sha256').update(this.#peerToken).digest('hex'),
      credentials: config.credentials.map(({ id }) => id),
      clusters: () => this.#registry.connected,
      connected: () => this.#upstream.connected,
      listings: () => this.#registry.listings(),
      targets: () => this.#circuits.served.targetReports(),
      usages: this.#circuits.served.usages,
      state: () => (!this.#draining ? 'serving' : this.#engines.connections > 0 ? 'draining' : 'drained'),
      load: () => ({
        connections: this.#engines.connections,
        requests: this.#metrics.requests,
        circuits: this.#upstream.served?.table.circuits.size ?? 0,
        streams: this.#clusters.streams,
      }),
    })
  }

  async start(): Promise<void> {
    const { config, logger } = this.#options
    const { host, limits, credentials } = config
    const { limitBytes } = limits.unread
    unread.bound(limitBytes, (count) => {
      logger.warn({ count, limitBytes }, 'connections were cut: their peers read too slowly')
    })
    const tunnels = await serveTunnels({
      host,
      port: config.tunnelPort,
      limits: limits.tunnelPort,
      credentials,
      logger,
      hasRoom: (credential) => this.#clusters.hasRoom(credential),
      onSocket: (socket, credential) => this.#clusters.accept(socket, credential),
    })
    this.tunnelPort = tunnels.port
    this.#listeners.push({ stop: () => this.#stopTunnels(() => tunnels.close()) })
    await this.#listen()
    await this.#upstream.start()
    this.#reporter.start()
    const timeout = setTimeout(this.#hasTable.resolve, limits.firstTableMs)
    await this.#hasTable.promise
    clearTimeout(timeout)
  }

  notReady(): string | undefined {
    if (this.#stopping) return 'stopping'
    if (this.#draining) return 'draining'
    return this.#upstream.served === undefined ? 'no coordinator has responded yet' : undefined
  }

  async metrics(): Promise<string> {
    const { text } = await this.#metrics.read()
    return text + this.#circuits.served.metrics.read()
  }

  previews(): unknown {
    return this.#registry.dump()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#reporter.stop()
    this.#hasTable.resolve()
    // In the opposite order: the listener for visitors first.
    const [tunnels, ...visitors] = this.#listeners
    for (const listener of visitors) await listener.stop()
    this.#forward.stop()
    await Promise.all([this.#engines.stop(), this.#ports?.stop()])
    this.#circuits.stop()
    this.#pool.close()
    await tunnels?.stop()
    await this.#upstream.stop('the process stops')
  }

  async #stopTunnels(close: () => Promise<void>): Promise<void> {
    const clusters = this.#clusters
    clusters.stop()
    const cut = setTimeout(() => clusters.cut(), this.#options.config.limits.goodbyeMs)
    await close()
    clearTimeout(cut)
    clusters.cut()
  }

  async #listen(): Promise<void> {
    const { config, logger, https } = this.#options
    const refusals = new RareLog(logger, 'refused a visitor: its address has too many connections')
    const onRefused = (from: string | undefined): void => {
      this.#metrics.connectionRefused()
      refusals.add({ from })
    }
    const { host, httpPort: port, limits, proxyProtocol, publicUrl } = config
    const { headMs } = limits.http
    const shared = { engines: this.#engines, visitors: this.#visitors, limits: limits.frontend }
    const plain = { ...shared, host, port, headMs, onRefused, proxyProtocol }
    const listeners = await openListeners(plain, https)
    this.httpPort = listeners.httpPort
    this.httpsPort = listeners.httpsPort
    if (https?.redirect === true) this.#redirect.start(publicUrl, listeners.httpsPort)
    this.#listeners.push(listeners)
    this.#ports = new Ports({
      host,
      tcp: this.#circuits.tcp,
      access: this.#access,
      listenForHttp: (number, circuit) => listenForVisitors({ ...plain, port: number, circuit }),
      limits: { drainMs: limits.http.drainMs },
      logger,
      onCircuit: (circuit) => this.#reporter.circuit(circuit),
    })
    this.#circuits.served.listen(this.#ports)
  }

  #makeUpstream(): Upstream {
    const { config, link, logger, onRemoved } = this.#options
    const { stateDirectory, limits } = config
    const { saveMs, fileBytes } = limits.upstream
    const file =
      stateDirectory === undefined
        ? undefined
        : new TableFile({ path: join(stateDirectory, 'worker/table.json'), saveMs, fileBytes, logger })
    const upstream: Upstream = new Upstream({
      coordinators: link.coordinators,
      connect: link.connect,
      credential: () => link.credential(this.#facts(), upstream.coordinator),
      onUnknown: link.onUnknown,
      limits: limits.upstream,
      logger,
      file,
      onTable: (table, delta) => {
        const changed = this.#owners.update(table, delta)
        this.#returning.remember(this.#owners.clusters())
        this.#clusters.sendResults(this.#registry.owned(changed))
        this.#listed.apply(delta.circuits ?? {})
        this.#circuits.hold.wake()
        this.#hasTable.resolve()
      },
      onNotice: (notice) => {
        if (notice.type === 'previews') {
          const { credential, cluster, results } = notice
          const decisions = results.map(({ label, refusal = '' }) => [label, refusal] as const)
          this.#clusters.sendResults(this.#registry.decide(`${credential} ${cluster}`, decisions))
        } else if (notice.type === 'state') {
          this.#draining = notice.state === 'draining'
          logger.info({ state: notice.state, reason: notice.reason }, 'the coordinator has set the state')
          this.#reporter.beat()
        } else if (notice.type === 'shutdown') {
          logger.warn({ reason: notice.reason }, 'this worker has been removed, ending')
          onRemoved()
        }
      },
      introduce: () => this.#reporter.introduce(),
    })
    return upstream
  }

  #makeCircuits(): WorkerCircuits {
    const { config } = this.#options
    const { limits, domain, trace, header, publicUrl, index, dialPolicy: policy } = config
    const scheme = publicUrl.protocol.slice(0, -1)
    return workerCircuits({
      domain,
      apex: new Apex({ domain, publicUrl, index }),
      edits: { trace, header, scheme, explain: config.routeExplain === 'allow' },
      policy,
      links: { linksOf: (target, label) => this.#registry.linksOf(target, label) },
      // The table contains all of them.
      registered: () => UNKNOWN,
      access: this.#access,
      isReturning: () => this.#returning.isReturning(),
      visitors: this.#visitors,
      requestsPerPreview: limits.requestsPerPreview,
      responseProgressMs: limits.http.responseProgressMs,
      hold: limits.hold,
      onCircuit: (circuit) => this.#reporter.circuit(circuit),
      onTarget: (target) => this.#reporter.target(target),
    })
  }

  #makeEngines(): VisitorEngines {
    const { limits, header, via } = this.#options.config
    const { circuits } = this.#circuits
    return new VisitorEngines({
      route: guarded(routeOf(this.#forward, this.#visitors, circuits), {
        redirectTo: () => this.#redirect.port,
      }),
      failure: guardedFailure((error, exchange) => circuits.failure(error, exchange)),
      observer: {
        exchangeDone: (report) => {
          this.#metrics.exchangeDone(circuits.clusterOf(report), report.status, report.ms)
          circuits.done(report)
        },
        connectionClosed: (client) => circuits.closed(client),
      },
      limits,
      refusesTrailer: refusedTrailers(header),
      pool: this.#pool,
      via,
    })
  }

  #facts(): WorkerFacts {
    const { config, version } = this.#options
    const { name, group, labels, ports, advertise, maxCircuits } = config.worker
    return {
      name,
      group,
      version,
      labels,
      backends: ['http', 'h2', 'tcp'],
      ...(ports !== undefined && { ports }),
      addresses: addressesOf(advertise, this),
      maxCircuits,
    }
  }
}

/** Where others reach this worker. Undefined host: they do not. */
function addressesOf(
  { host, tunnel }: RelayConfig['worker']['advertise'],
  { httpPort, tunnelPort }: Pick<RunningWorker, 'httpPort' | 'tunnelPort'>,
): Addresses {
  const reached = host === undefined ? undefined : host.includes(':') ? `[${host}]` : host
  return {
    ...(tunnel !== undefined && { tunnel: tunnel.href }),
    ...(reached !== undefined && {
      http: `http://${reached}:${httpPort}`,
      peer: `ws://${reached}:${tunnelPort}`,
      portHost: host,
      ...(tunnel === undefined && { tunnel: `ws://${reached}:${tunnelPort}` }),
    }),
  }
}
