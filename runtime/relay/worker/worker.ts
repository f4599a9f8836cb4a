import { hashOf, newSecret } from '@branchline/wire/circuits/secret'
import { join } from 'node:path'
import type { ClusterTarget, WorkerTable } from '@branchline/wire/circuits/table'
import { UpstreamPool } from '../../http1/index.ts'
import { RareLog } from '../../process/rare-log.ts'
import { unread } from '../../transport/unread-bytes.ts'
import type { TunnelLink } from '../../tunnel/index.ts'
import { urlOf } from '../../visitor/host.ts'
import { RelayMetrics } from '../metrics.ts'
import { Clusters } from './clusters/clusters.ts'
import { Registry } from './clusters/registry.ts'
import { serveTunnels, type TunnelServer } from './clusters/tunnel-server.ts'
import { VisitorEngines } from './frontends/engines.ts'
import { guarded, guardedFailure } from './frontends/guard.ts'
import { listenForVisitors } from './frontends/listener.ts'
import { openListeners, Redirect } from './frontends/listeners.ts'
import { Ports } from './frontends/ports/ports.ts'
import { Drain } from './drain.ts'
import { sayGoodbye } from './goodbye.ts'
import { factsOf, otherTunnels } from './facts.ts'
import type { RunningWorker, WorkerOptions } from './options.ts'
import { LabelOwners } from './label-owners.ts'
import { Returning } from './returning.ts'
import { Reporter } from './reporter.ts'
import type { StreamLink } from './circuits/links.ts'
import type { Lookup } from './clusters/cluster.ts'
import { clusterOf, Peers } from './peers/peers.ts'
import { TableFile } from './upstream/table-file.ts'
import { Upstream } from './upstream/upstream.ts'
import { openEtcd } from './etcd/etcd-link.ts'
import { Apex } from './visitors/apex.ts'
import { CoordinatorPages } from './visitors/coordinator-pages.ts'
import type { Access } from './access/access.ts'
import { leaves, servedTable, workerAccess } from './worker-access.ts'
import { type WorkerCircuits, workerCircuits } from './circuits/index.ts'
import { circuitForward, routeOf } from './forward/circuit-forward.ts'
import type { Forward } from './forward/forward.ts'
import { refusedTrailers } from './visitors/head-edits.ts'
import { ListedCircuits } from './listed-circuits.ts'
import { Visitors } from './visitors/visitors.ts'

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

class Worker implements RunningWorker {
  readonly #metrics: RelayMetrics
  readonly #options: WorkerOptions
  readonly #owners = new LabelOwners()
  readonly #registry: Registry<TunnelLink>
  readonly #clusters: Clusters
  readonly #returning: Returning
  readonly #access: Access
  readonly #peers: Peers
  readonly #circuits: WorkerCircuits
  readonly #forward: Forward
  readonly #listed: ListedCircuits
  readonly #pool: UpstreamPool
  readonly #drain: Drain
  readonly #visitors: Visitors
  readonly #engines: VisitorEngines
  readonly #redirect = new Redirect()
  readonly #upstream: Upstream
  readonly #reporter: Reporter
  readonly #hasTable = Promise.withResolvers<void>()
  /** With which it connects to other workers. A new one at each start: they get its hash from the coordinator. */
  readonly #peerToken = newSecret()
  /** The last one with which the worker has connected to a coordinator. */
  #credential: string | undefined = undefined
  /** Undefined before the worker listens. */
  #tunnels: TunnelServer | undefined = undefined
  #visitorListeners: { readonly stop: () => void | Promise<void> } | undefined = undefined
  /** The ports of circuits, once the worker listens. */
  #ports: Ports | undefined = undefined
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
      hasListed: (cluster) => this.#registry.hasListed(cluster) || this.#peers.reaches(cluster),
    })
    this.#peers = new Peers({
      name: config.worker.name,
      token: this.#peerToken,
      limits: limits.tunnel,
      logger,
      localLinks: (target) => this.#registry.linksOf(target, ''),
      onReached: () => this.#circuits.hold.wake(),
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
    this.#drain = this.#makeDrain()
    this.#metrics = new RelayMetrics({
      clusters: () => this.#registry.clusters,
      links: () => this.#clusters.links,
      labels: () => this.#owners.size,
      streams: () => this.#clusters.streams,
      held: () => this.#circuits.hold.size,
      connections: () => this.#engines.connections,
      stalledStreams: () => this.#clusters.stalled,
      stalls: () => this.#clusters.stalls,
      checks: () => {
        const { results } = this.#circuits.checks
        return { passed: results.of('passed'), failed: results.of('failed') }
      },
      coordinatorConnected: () => Number(this.#upstream.connected),
      term: () => this.#upstream.served?.term ?? -1,
      epoch: () => this.#upstream.served?.epoch ?? -1,
      heartbeats: () => this.#reporter.heartbeats,
    })
    this.#upstream = this.#makeUpstream()
    this.#reporter = this.#makeReporter()
  }

  async start(): Promise<void> {
    const { config, logger } = this.#options
    const { host, limits, credentials } = config
    const { limitBytes } = limits.unread
    unread.bound(limitBytes, (count) => {
      logger.warn({ count, limitBytes }, 'connections were cut: their peers read too slowly')
    })
    this.#tunnels = await serveTunnels({
      host,
      port: config.tunnelPort,
      limits: limits.tunnelPort,
      credentials,
      logger,
      hasRoom: (credential) => this.#clusters.hasRoom(credential),
      onSocket: (socket, credential) => this.#clusters.accept(socket, credential),
      peers: this.#peers,
    })
    this.tunnelPort = this.#tunnels.port
    await this.#listen()
    await this.#upstream.start()
    this.#reporter.start()
    const timeout = setTimeout(this.#hasTable.resolve, limits.firstTableMs)
    await this.#hasTable.promise
    clearTimeout(timeout)
  }

  notReady(): string | undefined {
    if (this.#stopping) return 'stopping'
    if (this.#drain.state !== 'serving') return 'draining'
    return this.#upstream.served === undefined ? 'no coordinator has responded yet' : undefined
  }

  async metrics(): Promise<string> {
    const { text } = await this.#metrics.read()
    return text + this.#circuits.served.metrics.read()
  }

  serves(host: string): boolean {
    return this.#circuits.circuits.serves(host)
  }

  previews(): unknown {
    return this.#registry.dump()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#drain.stop()
    this.#clusters.drain()
    this.#reporter.stop()
    this.#hasTable.resolve()
    await this.#visitorListeners?.stop()
    this.#forward.stop()
    await Promise.all([this.#engines.stop(), this.#ports?.stop()])
    this.#circuits.stop()
    this.#pool.close()
    // Also if the port of tunnels was in use: what the worker has begun for clusters ends, too.
    const { goodbyeMs } = this.#options.config.limits
    await sayGoodbye([this.#clusters, this.#peers], goodbyeMs, async () => this.#tunnels?.close())
    await this.#upstream.stop('the process stops')
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
    this.#visitorListeners = listeners
    this.#ports = new Ports({
      host,
      tcp: this.#circuits.tcp,
      listenForHttp: (number, circuit) => listenForVisitors({ ...plain, port: number, circuit }),
      limits: { drainMs: limits.http.drainMs },
      logger,
      onCircuit: (circuit) => this.#reporter.circuit(circuit),
    })
    this.#circuits.served.listen(this.#ports)
  }

  #makeReporter(): Reporter {
    const { config, version, adminPort } = this.#options
    const { limits } = config
    return new Reporter({
      send: (report) => this.#upstream.send(report),
      heartbeatMs: limits.upstream.heartbeatMs,
      facts: () => factsOf(config, version, this, adminPort),
      peerHash: hashOf(this.#peerToken),
      credentials: config.credentials.map(({ id }) => id),
      clusters: () => this.#registry.connected,
      connected: () => this.#upstream.connected,
      listings: () => this.#registry.listings(),
      targets: () => this.#circuits.served.targetReports(),
      usages: this.#circuits.served.usages,
      state: () => this.#drain.state,
      load: () => ({
        connections: this.#engines.connections,
        requests: this.#metrics.requests,
        circuits: this.#upstream.served?.table.circuits.size ?? 0,
        streams: this.#clusters.streams,
      }),
    })
  }

  #makeUpstream(): Upstream {
    const { config, version, adminPort, link, logger, onRemoved } = this.#options
    const { stateDirectory, limits } = config
    const { saveMs, fileBytes } = limits.upstream
    const file =
      stateDirectory === undefined
        ? undefined
        : new TableFile({ path: join(stateDirectory, 'worker/table.json'), saveMs, fileBytes, logger })
    const upstream: Upstream = new Upstream({
      coordinators: link.coordinators,
      connect: link.connect,
      credential: async () =>
        (this.#credential = await link.credential(
          factsOf(config, version, this, adminPort),
          upstream.coordinator,
        )),
      onUnknown: link.onUnknown,
      etcd: (onTable) => openEtcd(this.#options, this, onTable),
      limits: limits.upstream,
      logger,
      file,
      onTable: (table, delta) => {
        const changed = this.#owners.update(table, delta)
        this.#returning.remember(this.#owners.clusters())
        this.#clusters.sendResults(this.#registry.owned(changed))
        this.#listed.apply(delta.circuits ?? {})
        if (delta.workers !== undefined) this.#takeWorkers(table)
        this.#circuits.hold.wake()
        this.#hasTable.resolve()
      },
      onNotice: (notice) => {
        if (notice.type === 'previews') {
          const { credential, cluster, results } = notice
          const decisions = results.map(({ label, refusal = '' }) => [label, refusal] as const)
          this.#clusters.sendResults(this.#registry.decide(`${credential} ${cluster}`, decisions))
        } else if (notice.type === 'state') {
          if (notice.state === 'draining') this.#drain.begin()
          else this.#drain.end()
          logger.info({ state: notice.state, reason: notice.reason }, 'the coordinator has set the state')
          this.#reporter.beat()
        } else if (notice.type === 'shutdown') {
          logger.warn({ reason: notice.reason }, 'this worker has been removed, ending')
          onRemoved()
        }
      },
      introduce: () => [...this.#reporter.introduce(), ...leaves(this.#access)],
    })
    return upstream
  }

  #takeWorkers({ workers }: WorkerTable): void {
    this.#peers.update(workers.values())
    const { name } = this.#options.config.worker
    this.#clusters.setWorkers(otherTunnels(workers.values(), name))
  }

  #makeCircuits(): WorkerCircuits {
    const { config, link } = this.#options
    const { limits, domain, trace, header, publicUrl, index, dialPolicy: policy } = config
    const scheme = publicUrl.protocol.slice(0, -1)
    const pages = new CoordinatorPages({
      ...link,
      current: () => this.#upstream.coordinator,
      credential: () => this.#credential,
    })
    return workerCircuits({
      domain,
      apex: new Apex({ domain, publicUrl, index, pages }),
      edits: { trace, header, scheme, explain: config.routeExplain === 'allow' },
      policy,
      links: { linksOf: (target, label) => this.#linksOf(target, label) },
      spans: this.#options.spans,
      access: this.#access,
      isReturning: () => this.#returning.isReturning(),
      visitors: this.#visitors,
      requestsPerPreview: limits.requestsPerPreview,
      responseProgressMs: limits.http.responseProgressMs,
      hold: limits.hold,
      series: limits.circuitSeries,
      onCircuit: (circuit) => this.#reporter.circuit(circuit),
      onTarget: (target) => this.#reporter.target(target),
    })
  }

  /** The tunnels to this worker, otherwise those of other workers. */
  #linksOf(target: ClusterTarget, label: string): Lookup<StreamLink> {
    const local = this.#registry.linksOf(target, label)
    return local.state === 'live' ? local : (this.#peers.linksTo(clusterOf(target)) ?? local)
  }

  #makeDrain(): Drain {
    const { limits } = this.#options.config
    const [engines, clusters, tcp] = [this.#engines, this.#clusters, this.#circuits.tcp]
    return new Drain({ engines, clusters, tcp, limits, onDrained: () => this.#reporter.beat() })
  }

  #makeEngines(): VisitorEngines {
    const { limits, header, via } = this.#options.config
    const { circuits } = this.#circuits
    return new VisitorEngines({
      route: guarded(routeOf(this.#forward, this.#visitors, circuits), {
        redirectTo: () => this.#redirect.port,
        challengeFor: this.#options.https?.challengeFor,
      }),
      failure: guardedFailure((error, exchange) => {
        const reply = circuits.failure(error, exchange)
        this.#metrics.replied(reply.reason)
        return reply
      }),
      observer: {
        exchangeDone: (report) => {
          const served = circuits.servedOf(report)
          const { decision, status, ms } = report
          this.#metrics.exchangeDone(served?.cluster, served?.kind ?? 'none', status, ms)
          if (decision !== undefined && 'status' in decision && decision.reason !== undefined)
            this.#metrics.replied(decision.reason)
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
}
