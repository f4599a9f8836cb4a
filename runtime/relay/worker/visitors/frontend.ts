import type { RegisteredPreview, StreamTarget } from '@branchline/wire/tunnel/control'
import type {
  Candidate,
  Client,
  Decision,
  ExchangeReport,
  Forward,
  HeadEdits,
  Reply,
} from '../../../proxy/decision.ts'
import type { HttpError } from '../../../proxy/errors.ts'
import type { Head } from '../../../proxy/head.ts'
import { type Problem, problemReply } from '../../../proxy/problem.ts'
import type { Upstream } from '../../../transport/transport.ts'
import { type TunnelLink, type TunnelStream, TunnelStreamError } from '../../../tunnel/index.ts'
import type { Live, Lookup } from '../clusters/cluster.ts'
import { type EditOptions, VisitorEdits } from './head-edits.ts'
import type { Hold } from './hold.ts'
import { labelOf } from './host.ts'
import type { Visitor, Visitors } from './visitors.ts'

// Not by `import`, which loads undici, too (runtime/process/admin.ts).
const { STATUS_CODES } = process.getBuiltinModule('node:http')

export interface FrontendOptions {
  readonly domain: string
  readonly edits: EditOptions
  readonly find: (label: string) => Lookup<TunnelLink>
  /** Whether the relay has just started, so that clusters may not have returned yet. */
  readonly isReturning: () => boolean
  readonly visitors: Visitors
  /** Requests of one preview that run at a time; 0: no bound. */
  readonly requestsPerPreview: number
  /** Requests that wait for a cluster that has gone a moment ago, or for room on its links. */
  readonly hold: Hold
}

/** Where a visitor's request goes: by its host alone. */
export class Frontend {
  readonly #options: FrontendOptions
  readonly #circuits = new WeakMap<Live<TunnelLink>, Circuit>()
  readonly #upgraded = new Map<Client, Circuit>()
  /** Clients whose request waits for its cluster. */
  readonly #waiting = new Set<Client>()

  constructor(options: FrontendOptions) {
    this.#options = options
  }

  /** The engine's route: the preview's cluster through its tunnels, or a page that says why not. */
  route(head: Head, client: Client, sinceMs?: number): Decision | Promise<Decision> {
    const found = this.#find(head.host)
    if (found.state !== 'live') {
      return this.#await(found, head, client) ?? reply(this.#absence(head.host, found), head)
    }
    const { access } = found.preview
    if (access !== 'public') return reply(notPublic(access), head)
    const circuit = this.#circuitOf(found)
    const { visitors, requestsPerPreview } = this.#options
    if (requestsPerPreview > 0 && circuit.requests >= requestsPerPreview)
      return reply(busyPreview(head.host), head)
    const visitor = client.context as Visitor
    if (!visitors.mayAsk(visitor)) return reply(busyVisitor(visitor.group), head)
    circuit.requests++
    visitor.requests++
    return new Route(this, { head, client, circuit, sinceMs })
  }

  /** Where no connection could serve a request that may still be sent: waits where all of them are gone, or full. */
  again(request: Pending, error: HttpError): Promise<Decision> | undefined {
    const found = this.#find(request.head.host)
    const mayHelp = isFull(error) ? !isServed(found) : !isConnected(found)
    return mayHelp ? this.#await(found, request.head, request.client, request) : undefined
  }

  /** A request is over, or has become an upgraded connection, which counts until that is closed. */
  done({ client, decision, upgraded }: Pick<ExchangeReport, 'client' | 'decision' | 'upgraded'>): void {
    const way = wayOf(decision)
    if (way === undefined) return
    if (upgraded) this.#upgraded.set(client, way.circuit)
    else this.#release(client, way.circuit)
  }

  /** A connection is over. */
  closed(client: Client): void {
    this.#waiting.delete(client)
    const circuit = this.#upgraded.get(client)
    if (circuit !== undefined) {
      this.#upgraded.delete(client)
      this.#release(client, circuit)
    }
    this.#options.visitors.leave(client.context as Visitor)
  }

  /** The engine's failure: what a visitor is told of a request that is no good, or that nobody answered. */
  failure(error: HttpError, head: Head): Reply {
    if (!isUpstreamFault(error)) return reply(refused(error), head)
    const found = this.#find(head.host)
    if (found.state !== 'live') return reply(this.#absence(head.host, found), head)
    if (isFull(error)) return reply(fullLinks(found.cluster), head)
    const { service, environment } = found.preview
    return reply(unanswered(error, service, environment), head)
  }

  /** The cluster that a finished exchange was for; undefined where its host is nobody's. */
  clusterOf({ head, decision }: Pick<ExchangeReport, 'head' | 'decision'>): string | undefined {
    const way = wayOf(decision)
    if (way !== undefined) return way.upstream.cluster
    const found = this.#find(head.host)
    return found.state === 'unknown' ? undefined : found.cluster
  }

  /** `before` is how the request is counted so far. */
  #await(
    found: Lookup<TunnelLink>,
    head: Head,
    client: Client,
    before?: Pending,
  ): Promise<Decision> | undefined {
    if (found.state === 'unknown') return undefined
    // Of links that are ending, the registry hears last; and those that are full may stay so.
    const sinceMs = found.state === 'gone' ? found.sinceMs : (before?.sinceMs ?? performance.now())
    const label = labelOf(head.host, this.#options.domain)
    if (sinceMs === undefined || label === undefined) return undefined
    const waiting = this.#options.hold.wait(label, sinceMs)
    if (waiting === undefined) return undefined
    this.#waiting.add(client)
    return waiting.then(() => {
      // The client has left: its request is no longer counted, and no one reads the reply.
      if (!this.#waiting.delete(client)) return reply(goneCluster(head.host, found.cluster), head)
      if (before !== undefined) this.#release(client, before.circuit)
      return this.route(head, client, sinceMs)
    })
  }

  #release(client: Client, circuit: Circuit): void {
    circuit.requests--
    ;(client.context as Visitor).requests--
    this.#options.hold.released()
  }

  #absence(host: string, found: Exclude<Lookup<TunnelLink>, Live<TunnelLink>>): Problem {
    if (this.#options.isReturning()) return justStarted(host)
    return found.state === 'unknown' ? unknownHost(host) : goneCluster(host, found.cluster)
  }

  #circuitOf(found: Live<TunnelLink>): Circuit {
    const known = this.#circuits.get(found)
    if (known !== undefined) return known
    const circuit = new Circuit(found, new VisitorEdits(found.preview.key, this.#options.edits))
    this.#circuits.set(found, circuit)
    return circuit
  }

  #find(host: string): Lookup<TunnelLink> {
    const label = labelOf(host, this.#options.domain)
    return label === undefined ? { state: 'unknown' } : this.#options.find(label)
  }
}

function wayOf(decision: Decision | undefined): Way | undefined {
  const way = decision !== undefined && 'candidates' in decision ? decision.candidates[0] : undefined
  return way instanceof Way ? way : undefined
}

/** Whether some connection takes a request for a label now. */
export const isServed = (found: Lookup<TunnelLink>): boolean =>
  found.state === 'live' && found.links.some((link) => link.hasRoom)

/** Whether some connection takes requests for a label, now or once it has room. */
const isConnected = (found: Lookup<TunnelLink>): boolean =>
  found.state === 'live' && found.links.some((link) => link.takesStreams)

/** Whether a request was not sent since the links have no room for it. */
const isFull = ({ cause }: HttpError): boolean =>
  cause instanceof TunnelStreamError && cause.fault === 'refused'

/** A request that is counted, and may still be sent. */
interface Pending {
  readonly head: Head
  readonly client: Client
  readonly circuit: Circuit
  /** Since when it waits; undefined where it has not. */
  readonly sinceMs: number | undefined
}

/** A request on its way over the connections of its cluster. */
class Route implements Forward {
  readonly candidates: readonly Way[]
  readonly #frontend: Frontend
  readonly #request: Pending

  constructor(frontend: Frontend, request: Pending) {
    const { head, client, circuit } = request
    this.#frontend = frontend
    this.#request = request
    this.candidates = circuit.candidates(circuit.edits.of(head, client.remoteAddress))
  }

  otherwise(error: HttpError): Promise<Decision> | undefined {
    return this.#frontend.again(this.#request, error)
  }
}

/** A preview, and the ways to it: one over each connection of its cluster. */
class Circuit {
  readonly edits: VisitorEdits
  /** Requests that run, upgraded connections included. */
  requests = 0
  readonly #places: readonly Place[]
  #turn = 0

  constructor({ cluster, preview, links }: Live<TunnelLink>, edits: VisitorEdits) {
    this.edits = edits
    this.#places = links.map((link) => new Place(cluster, preview, link))
  }

  /**
   * All connections lead to the same version of the service. The first one has the fewest streams; where several
   * have, they take turns. The others follow, for a request that may be tried again.
   */
  candidates(edits: HeadEdits): Way[] {
    const places = this.#places
    const { length } = places
    const turn = this.#turn++
    let first = turn % length
    for (let step = 1; step < length; step++) {
      const index = (turn + step) % length
      if (loadOf(places[index] as Place) < loadOf(places[first] as Place)) first = index
    }
    const ways: Way[] = []
    for (let step = 0; step < length; step++) {
      ways.push(new Way(this, places[(first + step) % length] as Place, edits))
    }
    return ways
  }
}

/** A link that is ending, and not yet known to have ended, comes last. */
const loadOf = ({ link }: Place): number => (link.takesStreams ? link.streams : Number.POSITIVE_INFINITY)

/** A preview over one link. Streams are pooled by what they reach there. */
class Place implements Upstream {
  readonly key: string
  readonly cluster: string
  readonly link: TunnelLink
  readonly #target: StreamTarget

  constructor(cluster: string, { environment, service, port }: RegisteredPreview, link: TunnelLink) {
    this.key = `${link.id}/${environment}/${service}:${port}`
    this.cluster = cluster
    this.link = link
    this.#target = { environment, service, port }
  }

  dial(): TunnelStream {
    return this.link.open(this.#target)
  }
}

class Way implements Candidate {
  readonly circuit: Circuit
  readonly upstream: Place
  readonly edits: HeadEdits

  constructor(circuit: Circuit, upstream: Place, edits: HeadEdits) {
    this.circuit = circuit
    this.upstream = upstream
    this.edits = edits
  }
}

const reply = (problem: Problem, head: Head): Reply => problemReply(problem, head.get('accept'))

const unknownHost = (host: string): Problem => ({
  status: 404,
  reason: 'unknown-host',
  title: 'No preview here',
  detail: `No preview is registered for ${host.slice(0, 255) || 'a request without a host'}. Its environment may have ended, or not have started yet.`,
})

/** Clusters return within a second, mostly: visitors need not wait for the whole time that they have. */
const RETRY_AFTER_SECONDS = 2

const justStarted = (host: string): Problem => ({
  status: 503,
  reason: 'relay-started',
  title: 'One moment',
  detail: `The relay has just started, and clusters are still connecting. Whether ${host.slice(0, 255) || 'this host'} is a preview is known in a few seconds: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

const goneCluster = (host: string, cluster: string): Problem => ({
  status: 502,
  reason: 'cluster-gone',
  title: 'The cluster is gone',
  detail: `The preview ${host} belongs to the cluster ${cluster}, which is not connected. It comes back by itself once the cluster does.`,
})

const refused = (error: HttpError): Problem => ({
  status: error.status,
  reason: 'refused',
  title: STATUS_CODES[error.status] ?? 'Bad Request',
  detail: error.message,
  ...(error.status === 503 ? { retryAfterSeconds: RETRY_AFTER_SECONDS } : {}),
})

const busyPreview = (host: string): Problem => ({
  status: 503,
  reason: 'preview-busy',
  title: 'The preview is busy',
  detail: `The preview ${host} has as many requests running as one preview may have: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

const fullLinks = (cluster: string): Problem => ({
  status: 503,
  reason: 'cluster-busy',
  title: 'The cluster is busy',
  detail: `All links of the cluster ${cluster} carry as many requests as they may: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

const busyVisitor = (address: string): Problem => ({
  status: 503,
  reason: 'visitor-busy',
  title: 'Too many requests at a time',
  detail: `Your address (${address}) has as many requests running as one address may have: try again when some are done.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

const isUpstreamFault = ({ code }: HttpError): boolean =>
  code.startsWith('BL_HTTP_UPSTREAM') || code in REASONS

const notPublic = (access: string): Problem => ({
  status: 403,
  reason: 'access',
  title: 'Not public',
  detail: `This preview is not public (access: ${access}), and this relay has no sign-in.`,
})

function unanswered(error: HttpError, service: string, environment: string): Problem {
  const cause = error.cause
  const fault = cause instanceof TunnelStreamError ? cause : undefined
  return {
    status: error.status,
    reason: fault === undefined ? (REASONS[error.code] ?? 'upstream') : `tunnel-${fault.fault}`,
    title: 'The preview did not answer',
    detail: `The service ${service} of the environment ${environment} did not answer: ${fault?.message ?? error.message}.`,
  }
}

const REASONS: Readonly<Record<string, string>> = {
  BL_HTTP_UPSTREAM_UNREACHABLE: 'unreachable',
  BL_HTTP_UPSTREAM_CLOSED: 'closed',
  BL_HTTP_UPSTREAM_TIMEOUT: 'timeout',
  BL_HTTP_BAD_RESPONSE: 'bad-response',
  BL_HTTP_RESPONSE_TOO_LARGE: 'too-large',
}
