import type { Buffer } from 'node:buffer'
import { type ClusterMessage, parseClusterMessage, type Register } from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import type { WebSocket } from 'ws'
import type { Logger } from '../../../process/log.ts'
import { TunnelLink, type TunnelLinkError, type TunnelStream } from '../../../tunnel/index.ts'
import type { Credential } from './credentials.ts'
import type { RelayLimits } from '../../limits.ts'
import type { Answers, Registry } from './registry.ts'

export interface ClustersOptions {
  readonly registry: Registry<TunnelLink>
  readonly limits: RelayLimits
  readonly logger: Logger
  /** A cluster has registered something. */
  readonly onRegistered: () => void
  /** Some link takes no new streams from now on; those that run go on. */
  readonly onDrain: () => void
}

interface Session {
  readonly credential: Credential
  /** The cluster's name, once it has registered. */
  cluster: string | undefined
  /** Whether this instance is the last one of its cluster that said that it leads. */
  leads: boolean
  timer: NodeJS.Timeout | undefined
}

/** The connections of clusters: takes their registrations, and tells each what became of its labels. */
export class Clusters {
  readonly #options: ClustersOptions
  readonly #sessions = new Map<TunnelLink, Session>()
  readonly #expiry: NodeJS.Timeout

  constructor(options: ClustersOptions) {
    this.#options = options
    const { registry, limits } = options
    const expireMs = Math.max(10, Math.min(60_000, limits.goneMs / 4))
    this.#expiry = setInterval(() => this.#tell(registry.expire(performance.now())), expireMs)
  }

  /** Connections, registered or not. */
  get links(): number {
    return this.#sessions.size
  }

  /** Streams that are not over. */
  get streams(): number {
    let streams = 0
    for (const link of this.#sessions.keys()) streams += link.streams
    return streams
  }

  /** Whether a credential has fewer connections than it may have. */
  hasRoom(credential: Credential): boolean {
    let links = 0
    for (const session of this.#sessions.values()) if (session.credential === credential) links++
    return links < this.#options.limits.credentialLinks
  }

  /** Takes a WebSocket whose credential has been found right. */
  accept(socket: WebSocket, credential: Credential): void {
    const { limits } = this.#options
    const link = new TunnelLink(socket, {
      dialler: false,
      limits: limits.tunnel,
      handlers: {
        onStream: (_link, stream) => refuse(stream),
        onControl: (link, payload) => this.#control(link, payload),
        onClose: (link, error) => this.#ended(link, error),
      },
    })
    const timer = setTimeout(() => {
      link.close('timeout', `no register within ${limits.registerMs} ms`)
    }, limits.registerMs)
    this.#sessions.set(link, { credential, cluster: undefined, leads: false, timer })
  }

  /** Tells all clusters, then ends their connections. */
  stop(): void {
    clearInterval(this.#expiry)
    for (const link of this.#sessions.keys()) {
      link.goAway('the relay stops')
      link.close('normal', 'the relay stops')
    }
  }

  /** Cuts what is left. */
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
      this.#tell(registry.update(link, { upsert, remove, more }, performance.now()))
      this.#lead(link, session, message.leads)
      this.#options.onRegistered()
      return
    }
    logger.info({ cluster: session.cluster, reason: message.reason }, 'a connection of a cluster goes away')
    link.drain()
    registry.drain(link, performance.now())
    this.#options.onDrain()
  }

  #register(link: TunnelLink, session: Session, message: Register): void {
    const { credential } = session
    const { cluster, instance, link: number = 0, previews, more = false } = message
    const { registry, logger } = this.#options
    if (credential.cluster !== undefined && credential.cluster !== cluster) {
      throw new TunnelProtocolError('forbidden', `this credential is not that of the cluster ${cluster}`)
    }
    if (session.cluster !== undefined) throw new TunnelProtocolError('protocol', 'a second register')
    clearTimeout(session.timer)
    const identity = { credential: credential.id, cluster, instance, link: number }
    const change = { upsert: previews, remove: [], more }
    const { replaced, answers } = registry.register(link, identity, change, performance.now())
    session.cluster = cluster
    if (replaced !== undefined) {
      logger.warn(
        { cluster, instance, link: number },
        'a cluster connected again: the connection before is closed',
      )
      replaced.close('replaced', `another connection registered as cluster ${cluster}`)
    }
    logger.info({ cluster, instance, link: number, previews: previews.length, more }, 'a cluster registered')
    // Also where there is nothing to tell: it says that the registration holds.
    const { streams } = this.#options.limits.tunnel
    link.control({ type: 'registered', previews: answers.get(link) ?? [], streams })
    answers.delete(link)
    this.#tell(answers)
    this.#lead(link, session, message.leads)
    this.#options.onRegistered()
    if (!session.leads && registry.others(link).some((it) => this.#sessions.get(it)?.leads)) tellLed(link)
  }

  /** An instance may be cut off from all but the relay: it hears here that another one leads. */
  #lead(link: TunnelLink, session: Session, leads: boolean | undefined): void {
    if (leads === undefined || leads === session.leads) return
    session.leads = leads
    if (!leads) return
    for (const other of this.#options.registry.others(link)) {
      const session = this.#sessions.get(other)
      if (session !== undefined) session.leads = false
      tellLed(other)
    }
  }

  #tell(answers: Answers<TunnelLink>): void {
    for (const [link, previews] of answers) link.control({ type: 'registered', previews })
  }

  #ended(link: TunnelLink, error: TunnelLinkError): void {
    const session = this.#sessions.get(link)
    this.#sessions.delete(link)
    clearTimeout(session?.timer)
    const cluster = session?.cluster
    this.#options.logger.warn({ cluster, status: error.status, reason: error.message }, 'a tunnel ended')
    this.#options.registry.disconnect(link, performance.now())
  }
}

const tellLed = (link: TunnelLink): void => link.control({ type: 'registered', previews: [], led: true })

/** Clusters open no streams towards a relay of this version. */
function refuse(stream: TunnelStream): void {
  stream.reset('refused', 'this relay takes no streams')
}
