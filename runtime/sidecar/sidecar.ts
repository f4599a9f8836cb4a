import { setTimeout as delay } from 'node:timers/promises'
import type { Inbound } from '@branchline/wire/inbound'
import type { HttpEngine } from '../http1/index.ts'
import { listen, type Listener } from '../transport/tcp.ts'
import type { Transport } from '../transport/transport.ts'
import type { Http2Engine } from '../http2/index.ts'
import type { AdminServer } from '../process/admin.ts'
import type { Logger } from '../process/log.ts'
import type { Running } from '../process/main.ts'
import { DEFAULT_UNREAD_LIMITS, unread } from '../transport/unread-bytes.ts'
import { AccessLog } from './telemetry/access-log.ts'
import { startAdmin } from './admin.ts'
import { appHostsAt, appUpstream, isWildcard } from './app.ts'
import { Balancer } from './route/balance.ts'
import type { SidecarConfig } from './config.ts'
import { ListenError } from './errors.ts'
import { Holds } from './route/hold.ts'
import type { EntryPort, SidecarContext } from './inbound/context.ts'
import { Entry } from './inbound/entry.ts'
import { http1Engine } from './inbound/http1.ts'
import { http2Engine } from './inbound/http2.ts'
import { type Engines, Openings } from './inbound/opening.ts'
import { RawConnections } from './inbound/tcp.ts'
import type { SidecarLimits } from './limits.ts'
import { ManagerLink } from './table/link.ts'
import { Metrics } from './telemetry/metrics.ts'
import { Outages } from './route/outage.ts'
import { RareLog } from '../process/rare-log.ts'
import { Recorder } from '../propagation/recorder.ts'
import { hopTracer, type Tracer } from './telemetry/tracing.ts'

/** Longer than pods usually take to end. If the pod still runs after it, something other than its end called the hook. */
const LEAVE_MS = 60_000
/** How often counts of requests are reported to the manager. */
const REPORT_MS = 1000
/** How often new HTTP/2 connections get a GOAWAY while the pod ends. */
const LEAVE_AGAIN_MS = 1000

/** A running sidecar. */
export interface Sidecar extends Running {
  readonly adminPort: number
  /** The number of held requests. */
  readonly held: number
}

/**
 * Starts a sidecar: opens its listeners, connects to the manager, and serves. If a port cannot be opened, it releases
 * everything and rejects with a ListenError. An unreachable manager does not make it reject.
 */
export async function startSidecar(
  config: SidecarConfig,
  logger: Logger,
  version: string,
  limits: SidecarLimits = {},
): Promise<Sidecar> {
  const tracer = await openTracer(config, version)
  const sidecar = new RunningSidecar(config, logger, version, limits, tracer)
  try {
    await sidecar.open()
    return sidecar
  } catch (error) {
    await sidecar.stop()
    throw error
  }
}

/** Loads OpenTelemetry only if spans are wanted. */
async function openTracer(
  { tracesUrl, inbound }: SidecarConfig,
  version: string,
): Promise<Tracer | undefined> {
  if (tracesUrl === undefined) return undefined
  const { startTracer } = await import('../telemetry/opentelemetry.ts')
  const resource = { 'branchline.inbound': inbound.map(({ port, appPort }) => `${port}=${appPort}`) }
  return hopTracer(startTracer(tracesUrl, { name: 'branchline-sidecar', version, resource }))
}

const isFamilyMissing = (error: unknown): boolean =>
  ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes((error as NodeJS.ErrnoException).code ?? '')

class RunningSidecar implements Sidecar {
  readonly #config: SidecarConfig
  readonly #logger: Logger
  readonly #link: ManagerLink
  readonly #metrics: Metrics
  readonly #engine: HttpEngine
  readonly #engine2: Http2Engine
  readonly #raw: RawConnections
  readonly #openings: Openings
  readonly #context: SidecarContext
  readonly #listeners: Listener[] = []
  #admin: AdminServer | undefined
  #openSinceMs: number | undefined
  #draining = false
  #leaving: NodeJS.Timeout | undefined
  #reporting: NodeJS.Timeout | undefined

  constructor(
    config: SidecarConfig,
    logger: Logger,
    version: string,
    limits: SidecarLimits,
    tracer: Tracer | undefined,
  ) {
    this.#config = config
    this.#logger = logger
    const inbound = config.inbound.map(({ port }) => port)
    const { managerUrl: url, tokenFile } = config
    const { limitBytes } = limits.unread ?? config.limits.unread ?? DEFAULT_UNREAD_LIMITS
    unread.bound(limitBytes, (count) => {
      logger.warn({ count, limitBytes }, 'connections were cut: their peers read too slowly')
    })
    const holds = new Holds({ ...config.limits.hold, ...limits.hold })
    const recorder = new Recorder(performance.now())
    const onTable = (): void => holds.releaseAll()
    const onObserved = (): void => recorder.again()
    const link = { url, tokenFile, inbound, version, logger, onTable, onObserved, limits: limits.link }
    this.#link = new ManagerLink(link)
    this.#metrics = new Metrics({
      epoch: () => this.#link.table?.epoch,
      managerConnected: () => this.#link.state === 'connected',
      held: () => holds.size,
    })
    const context: SidecarContext = {
      routes: () => this.#link.table,
      balancer: new Balancer(config.balancing),
      outages: new Outages(config.holdTimeoutMs),
      holds,
      metrics: this.#metrics,
      recorder,
      accessLog: new AccessLog(config.accessLog),
      refusals: new RareLog(logger, 'a client was refused'),
      tracer,
      explain: config.routeExplain === 'allow' ? this.#link : undefined,
      keyHeader: config.keyHeader,
      entry: config.entryDomain === undefined ? undefined : new Entry(config.entryDomain, config.keyHeader),
      addedIds: config.addedIds,
      hopWaits: limits.hop ?? config.limits.hop,
    }
    this.#context = context
    const { via, drainTimeoutMs: drainMs } = config
    this.#engine = http1Engine(context, { ...config.limits.http, drainMs, ...limits.http }, via)
    this.#engine2 = http2Engine(context, { ...config.limits.http2, drainMs, ...limits.http2 }, via)
    this.#raw = new RawConnections(context, { ...config.limits.raw, ...limits.raw })
    const engines: Engines = {
      raw: this.#raw,
      http: (detected, client, entry, { bytes, ended }) => {
        if (detected === 'http2') return this.#engine2.serve(client, { bytes, context: entry })
        this.#engine.serve(client, { bytes, context: entry })
        if (ended) client.receiver.onEnd()
      },
    }
    const opening = { ...config.limits.opening, ...limits.opening }
    this.#openings = new Openings(engines, context.refusals, opening, context.entry !== undefined)
  }

  get adminPort(): number {
    return this.#admin?.port ?? this.#config.adminPort
  }

  get held(): number {
    return this.#context.holds.size
  }

  async open(): Promise<void> {
    const { hosts, adminPort: port, firstTableTimeoutMs, inbound } = this.#config
    this.#link.start()
    this.#reporting = setInterval(() => this.#reportTraffic(), REPORT_MS).unref()
    this.#admin = await startAdmin({
      hosts,
      port,
      firstTableTimeoutMs,
      metrics: this.#metrics,
      table: () => this.#link.table,
      managerState: () => this.#link.state,
      openSinceMs: () => this.#openSinceMs,
      draining: () => this.#draining,
      leave: () => this.#leave(),
    })
    for (const listener of inbound) await this.#listen(listener)
    this.#openSinceMs = performance.now()
    this.#logger.info({ hosts, ports: inbound.map((listener) => listener.port) }, 'listening')
  }

  async #listen(inbound: Inbound): Promise<void> {
    const { port, appPort } = inbound
    const app = appUpstream(appHostsAt(this.#config, appPort), appPort)
    const entry: EntryPort = { inbound, app }
    const { hosts } = this.#config
    const ipv6Only = hosts.includes('0.0.0.0')
    for (const [index, host] of hosts.entries()) {
      try {
        this.#listeners.push(await listen({ host, port, ipv6Only }, (client) => this.#accept(client, entry)))
      } catch (error) {
        // A pod without IPv6 has no ::.
        if (index > 0 && isWildcard(host) && isFamilyMissing(error)) continue
        throw new ListenError(host, port, `the app's port ${appPort}`, error)
      }
    }
  }

  /** Reports what was counted since the last report, in one message. */
  #reportTraffic(): void {
    const { recorder } = this.#context
    const nowMs = performance.now()
    recorder.tick(nowMs)
    if (!this.#link.observes) return recorder.forget(nowMs)
    const report = recorder.take(nowMs, Date.now())
    if (report !== undefined) this.#link.reportTraffic(report)
  }

  #accept(client: Transport, entry: EntryPort): void {
    if (entry.inbound.protocol === 'tcp') this.#raw.serve(client, entry)
    else this.#openings.serve(client, entry)
  }

  /**
   * The pod begins to end, and its app ends before this sidecar does. So callers with kept connections are moved to
   * other pods while the app still responds. New connections are served, and moved as well.
   */
  #leave(): void {
    if (this.#leaving !== undefined) return
    this.#engine.leave(LEAVE_MS)
    this.#engine2.leave()
    this.#leaving = setInterval(() => this.#engine2.leave(), LEAVE_AGAIN_MS).unref()
    setTimeout(() => {
      clearInterval(this.#leaving)
      this.#leaving = undefined
    }, LEAVE_MS).unref()
  }

  /**
   * Becomes unready and accepts for `drainDelayMs` more. Then it lets requests and connections finish within
   * `drainTimeoutMs` and cuts the rest. It applies table changes until the last request is done.
   */
  async stop(): Promise<void> {
    const { drainDelayMs, drainTimeoutMs } = this.#config
    this.#draining = true
    clearInterval(this.#leaving)
    if (drainDelayMs > 0 && this.#openSinceMs !== undefined) await delay(drainDelayMs)
    for (const listener of this.#listeners) listener.stop()
    // The protocol of the last accepted connections may not be known yet.
    await this.#openings.stop()
    await Promise.all([this.#engine.stop(), this.#engine2.stop(), this.#raw.stop(drainTimeoutMs)])
    const { accessLog, tracer } = this.#context
    clearInterval(this.#reporting)
    await Promise.all([this.#link.stop(), accessLog.close(), tracer?.stop()])
    await this.#admin?.close()
  }
}
