import type { Buffer } from 'node:buffer'
import {
  type ClusterMessage,
  parseClusterMessage,
  type Register,
  type Registration,
} from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import { isDeepStrictEqual } from 'node:util'
import type { WebSocket } from 'ws'
import type { Logger } from '../../../process/log.ts'
import { type Stalls, TunnelLink, type TunnelLinkError, type TunnelStream } from '../../../tunnel/index.ts'
import type { Credential } from './credentials.ts'
import type { RelayLimits } from '../../limits.ts'
import type { Results, Registry } from './registry.ts'

export interface ClustersOptions {
  readonly registry: Registry<TunnelLink>
  readonly limits: RelayLimits
  readonly logger: Logger
  /** Called when a cluster has registered something. */
  readonly onRegistered: () => void
  /** Called when a link stops taking new streams. Its running streams continue. */
  readonly onDrain: () => void
}

interface Session {
  readonly credential: Credential
  /** The cluster's name, once it has registered. */
  cluster: string | undefined
  /** Whether this instance was the last of its cluster to announce that it leads. */
  leads: boolean
  timer: NodeJS.Timeout | undefined
  /** The results that are known before the registration is confirmed. Undefined: it is. */
  results: Registration[] | undefined
}

/** The connections of clusters. Accepts their registrations, and reports the results to each. */
export class Clusters {
  readonly #options: ClustersOptions
  /** Of all connections so far. */
  readonly stalls: Readonly<Stalls> = { credit: 0, link: 0 }
  readonly #sessions = new Map<TunnelLink, Session>()
  readonly #expiry: NodeJS.Timeout
  #workers: string[] = []
  /** Links that take no new streams, because this worker drains. */
  readonly #leaving = new Set<TunnelLink>()
  #refuses = false

  constructor(options: ClustersOptions) {
    this.#options = options
    const { registry, limits } = options
    const expireMs = Math.max(10, Math.min(60_000, limits.goneMs / 4))
    this.#expiry = setInterval(() => {
      registry.expire(performance.now())
      this.closeDrained()
    }, expireMs)
  }

  /** The number of connections, registered or not. */
  get links(): number {
    return this.#sessions.size
  }

  /** The number of running streams. */
  get streams(): number {
    let streams = 0
    for (const link of this.#sessions.keys()) streams += link.streams
    return streams
  }

  /** The number of running streams with bytes that wait to be sent. */
  get stalled(): number {
    let stalled = 0
    for (const link of this.#sessions.keys()) stalled += link.stalled
    return stalled
  }

  /** Whether a credential may open a further connection. */
  hasRoom(credential: Credential): boolean {
    if (this.#refuses) return false
    let links = 0
    for (const session of this.#sessions.values()) if (session.credential === credential) links++
    return links < this.#options.limits.credentialLinks
  }

  /** Tells all clusters at which other workers they may connect too. */
  setWorkers(workers: string[]): void {
    if (isDeepStrictEqual(workers, this.#workers)) return
    this.#workers = workers
    for (const [link, { cluster, results }] of this.#sessions)
      if (cluster !== undefined && results === undefined)
        link.control({ type: 'registered', previews: [], workers })
  }

  /** Accepts a WebSocket with a valid credential. */
  accept(socket: WebSocket, credential: Credential): void {
    const { limits } = this.#options
    const link = new TunnelLink(socket, {
      dialler: false,
      limits: limits.tunnel,
      stalls: this.stalls,
      handlers: {
        onStream: (_link, stream) => refuse(stream),
        onControl: (link, payload) => this.#control(link, payload),
        onClose: (link, error) => this.#ended(link, error),
      },
    })
    const timer = setTimeout(() => {
      link.close('timeout', `no register within ${limits.registerMs} ms`)
    }, limits.registerMs)
    this.#sessions.set(link, { credential, cluster: undefined, leads: false, timer, results: undefined })
  }

  /** Lets clusters move to other workers, if they may connect to any. */
  drain(): void {
    if (this.#workers.length > 0) this.move()
  }

  /** Takes no further connections, and opens no new streams over the present ones. Running streams go on. */
  move(): void {
    const { registry, onDrain } = this.#options
    this.#refuses = true
    for (const link of this.#sessions.keys()) {
      if (this.#leaving.has(link)) continue
      this.#leaving.add(link)
      link.goAway('the worker drains')
      if (registry.has(link)) registry.drain(link, performance.now())
    }
    onDrain()
  }

  /** Closes the connections that drain and have no stream any more. */
  closeDrained(): void {
    for (const link of this.#leaving) if (link.streams === 0) link.close('normal', 'the worker drains')
  }

  /** Takes connections again. */
  welcome(): void {
    this.#refuses = false
    // The cluster connects again.
    this.closeDrained()
  }

  /** Announces the stop to all clusters, then closes their connections. */
  stop(): void {
    clearInterval(this.#expiry)
    for (const link of this.#sessions.keys()) {
      link.goAway('the relay stops')
      link.close('normal', 'the relay stops')
    }
  }

  /** Cuts the remaining connections. */
  cut(): void {
    for (const link of this.#sessions.keys()) link.terminate()
  }

  #control(link: TunnelLink, payload: Buffer): void {
    const session = this.#sessions.get(link)
    if (session === undefined) return
    const message = parseClusterMessage(payload)
    if (message.type === 'register') this.#register(link, session, message)
    else if (session.cluster === undefined) {
      throw new TunnelProtocolError('protocol', `${message.type} before register`)
    } else if (this.#options.registry.has(link)) this.#follow(link, session, message)
  }

  #follow(link: TunnelLink, session: Session, message: Exclude<ClusterMessage, Register>): void {
    const { registry, logger } = this.#options
    if (message.type === 'update') {
      const { upsert, remove, more = false } = message
      this.#send(link, registry.update(link, { upsert, remove, more }, performance.now()))
      this.#lead(link, session, message.leads)
      this.#options.onRegistered()
      return
    }
    logger.info(
      { cluster: session.cluster, reason: message.reason },
      'a connection of a cluster is going away',
    )
    link.drain()
    registry.drain(link, performance.now())
    this.#options.onDrain()
  }

  #register(link: TunnelLink, session: Session, message: Register): void {
    const { credential } = session
    const { cluster, instance, link: number = 0, previews, more = false } = message
    const { registry, logger } = this.#options
    if (credential.cluster !== undefined && credential.cluster !== cluster) {
      throw new TunnelProtocolError('forbidden', `this credential is not valid for the cluster ${cluster}`)
    }
    if (session.cluster !== undefined) throw new TunnelProtocolError('protocol', 'a second register')
    clearTimeout(session.timer)
    const identity = { credential: credential.id, cluster, instance, link: number }
    const change = { upsert: previews, remove: [], more }
    const { replaced, results } = registry.register(link, identity, change, performance.now())
    session.cluster = cluster
    if (replaced !== undefined) {
      logger.warn(
        { cluster, instance, link: number },
        'a cluster connected again, closing its previous connection',
      )
      replaced.close('replaced', `another connection registered as cluster ${cluster}`)
    }
    logger.info({ cluster, instance, link: number, previews: previews.length, more }, 'a cluster registered')
    this.#answerLater(link, session, results)
    this.#lead(link, session, message.leads)
    this.#options.onRegistered()
    if (!session.leads && registry.others(link).some((it) => this.#sessions.get(it)?.leads)) sendLed(link)
  }

  /** Tells the other instances that this one leads. One of them may be cut off from everything but the relay. */
  #lead(link: TunnelLink, session: Session, leads: boolean | undefined): void {
    if (leads === undefined || leads === session.leads) return
    session.leads = leads
    if (!leads) return
    for (const other of this.#options.registry.others(link)) {
      const session = this.#sessions.get(other)
      if (session !== undefined) session.leads = false
      sendLed(other)
    }
  }

  /** Sends results that a coordinator has decided. */
  sendResults(results: Results<TunnelLink>): void {
    for (const [link, previews] of results) this.#send(link, previews)
  }

  /** Confirms a registration: once there is a result for each label, or the coordinator takes too long. */
  #answerLater(link: TunnelLink, session: Session, results: Registration[]): void {
    session.results = results
    session.timer = setTimeout(() => this.#answer(link, session), this.#options.limits.resultMs)
    this.#send(link, [])
  }

  #answer(link: TunnelLink, session: Session): void {
    clearTimeout(session.timer)
    const previews = session.results ?? []
    session.results = undefined
    // Also without previews, because it confirms the registration.
    const { streams } = this.#options.limits.tunnel
    link.control({ type: 'registered', previews, streams, workers: this.#workers })
  }

  #send(link: TunnelLink, previews: readonly Registration[]): void {
    const session = this.#sessions.get(link)
    if (session?.results === undefined) {
      if (previews.length > 0) link.control({ type: 'registered', previews: [...previews] })
      return
    }
    session.results.push(...previews)
    if (!this.#options.registry.isPending(link)) this.#answer(link, session)
  }

  #ended(link: TunnelLink, error: TunnelLinkError): void {
    const session = this.#sessions.get(link)
    this.#sessions.delete(link)
    this.#leaving.delete(link)
    clearTimeout(session?.timer)
    const cluster = session?.cluster
    this.#options.logger.warn({ cluster, status: error.status, reason: error.message }, 'a tunnel ended')
    this.#options.registry.disconnect(link, performance.now())
  }
}

const sendLed = (link: TunnelLink): void => link.control({ type: 'registered', previews: [], led: true })

/** Clusters must not open streams to a relay of this version. */
function refuse(stream: TunnelStream): void {
  stream.reset('refused', 'this relay accepts no streams')
}
