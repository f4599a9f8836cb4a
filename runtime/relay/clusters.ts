import type { Buffer } from 'node:buffer'
import { type ClusterMessage, parseClusterMessage } from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import type { WebSocket } from 'ws'
import type { Logger } from '../process/log.ts'
import { TunnelLink, type TunnelLinkError, type TunnelStream } from '../tunnel/index.ts'
import type { Credential } from './credentials.ts'
import type { RelayLimits } from './limits.ts'
import type { Answers, Registry } from './registry.ts'

interface Session {
  readonly credential: Credential
  /** The cluster's name, once it has registered. */
  cluster: string | undefined
  timer: NodeJS.Timeout | undefined
}

/** The clusters that are connected: takes their registrations, and tells them what became of each. */
export class Clusters {
  readonly #registry: Registry<TunnelLink>
  readonly #limits: RelayLimits
  readonly #logger: Logger
  readonly #sessions = new Map<TunnelLink, Session>()
  readonly #expiry: NodeJS.Timeout

  constructor(options: { registry: Registry<TunnelLink>; limits: RelayLimits; logger: Logger }) {
    this.#registry = options.registry
    this.#limits = options.limits
    this.#logger = options.logger
    const expireMs = Math.max(10, Math.min(60_000, this.#limits.goneMs / 4))
    this.#expiry = setInterval(() => this.#tell(this.#registry.expire(performance.now())), expireMs)
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

  /** Takes a WebSocket whose credential has been found right. */
  accept(socket: WebSocket, credential: Credential): void {
    const link = new TunnelLink(socket, {
      dialler: false,
      limits: this.#limits.tunnel,
      handlers: {
        onStream: (_link, stream) => refuse(stream),
        onControl: (link, payload) => this.#control(link, payload),
        onClose: (link, error) => this.#ended(link, error),
      },
    })
    const timer = setTimeout(() => {
      link.close('timeout', `no register within ${this.#limits.registerMs} ms`)
    }, this.#limits.registerMs)
    this.#sessions.set(link, { credential, cluster: undefined, timer })
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
    if (message.type === 'register') return this.#register(link, session, message)
    if (session.cluster === undefined) {
      throw new TunnelProtocolError('protocol', `${message.type} before register`)
    }
    if (!this.#registry.isCurrent(session.cluster, link)) return
    if (message.type === 'update') {
      this.#tell(this.#registry.update(session.cluster, message.upsert, message.remove))
    } else {
      this.#logger.info({ cluster: session.cluster, reason: message.reason }, 'a cluster goes away')
      link.drain()
      this.#registry.disconnect(session.cluster, link, performance.now())
    }
  }

  #register(
    link: TunnelLink,
    session: Session,
    { cluster, previews }: Extract<ClusterMessage, { type: 'register' }>,
  ): void {
    const { credential } = session
    if (credential.cluster !== undefined && credential.cluster !== cluster) {
      throw new TunnelProtocolError('forbidden', `this credential is not that of the cluster ${cluster}`)
    }
    if (session.cluster !== undefined) throw new TunnelProtocolError('protocol', 'a second register')
    clearTimeout(session.timer)
    session.cluster = cluster
    const { replaced, answers } = this.#registry.register(cluster, link, previews)
    if (replaced !== undefined) {
      this.#logger.warn({ cluster }, 'a cluster connected again: the connection before is closed')
      replaced.close('replaced', `another connection registered as cluster ${cluster}`)
    }
    this.#logger.info({ cluster, previews: previews.length }, 'a cluster registered')
    // Also where there is nothing to tell: it says that the registration holds.
    if (!answers.has(cluster)) answers.set(cluster, [])
    this.#tell(answers)
  }

  #tell(answers: Answers): void {
    for (const [link, { cluster }] of this.#sessions) {
      const previews = cluster === undefined ? undefined : answers.get(cluster)
      if (cluster === undefined || previews === undefined || !this.#registry.isCurrent(cluster, link))
        continue
      link.control({ type: 'registered', previews })
    }
  }

  #ended(link: TunnelLink, error: TunnelLinkError): void {
    const session = this.#sessions.get(link)
    this.#sessions.delete(link)
    clearTimeout(session?.timer)
    const cluster = session?.cluster
    this.#logger.warn({ cluster, status: error.status, reason: error.message }, 'a tunnel ended')
    if (cluster !== undefined) this.#registry.disconnect(cluster, link, performance.now())
  }
}

/** Clusters open no streams towards a relay of this version. */
function refuse(stream: TunnelStream): void {
  stream.reset('refused', 'this relay takes no streams')
}
