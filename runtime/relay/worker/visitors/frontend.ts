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
import { type Head, isGrpc } from '../../../proxy/head.ts'
import { type Problem, problemReply } from '../../../proxy/problem.ts'
import type { Upstream } from '../../../transport/transport.ts'
import { type TunnelLink, type TunnelStream, TunnelStreamError } from '../../../tunnel/index.ts'
import type { Apex } from './apex.ts'
import type { Live, Lookup } from '../clusters/cluster.ts'
import { type EditOptions, VisitorEdits } from './head-edits.ts'
import type { Hold } from './hold.ts'
import { labelOf } from '../../../visitor/host.ts'
import { connectionOf } from '../frontends/connection.ts'
import type { Visitors } from './visitors.ts'

// An `import` of node:http also loads undici (runtime/process/admin.ts).
const { STATUS_CODES } = process.getBuiltinModule('node:http')

export interface FrontendOptions {
  readonly domain: string
  readonly apex: Apex
  readonly edits: EditOptions
  readonly find: (label: string) => Lookup<TunnelLink>
  /** Whether the relay has just started, so that clusters may not have returned yet. */
  readonly isReturning: () => boolean
  readonly visitors: Visitors
  /** The maximum running requests of one preview. 0: no limit. */
  readonly requestsPerPreview: number
  /** Requests that wait for a cluster that has just disconnected, or for room on its links. */
  readonly hold: Hold
}

/** Routes visitors' requests, by their host alone. */
export class Frontend {
  readonly #options: FrontendOptions
  readonly #previewPaths = new WeakMap<Live<TunnelLink>, PreviewPaths>()
  readonly #upgraded = new Map<Client, PreviewPaths>()
  /** Heads of requests that wait for their cluster or for room, and whose clients still want the response. */
  readonly #waiting = new Set<Head>()

  constructor(options: FrontendOptions) {
    this.#options = options
  }

  /** The engine's route: through the tunnels of the preview's cluster, or a page with the reason why not. */
  route(head: Head, client: Client, sinceMs?: number): Decision | Promise<Decision> {
    const found = this.#find(head.host)
    if (found.state !== 'live') {
      if (this.#options.apex.has(head.host)) return this.#options.apex.route(head)
      return this.#await(found, head, client) ?? reply(this.#absence(head.host, found), head)
    }
    const { access } = found.preview
    if (access !== 'public') return reply(notPublic(access), head)
    const paths = this.#pathsOf(found)
    const { visitors, requestsPerPreview } = this.#options
    if (requestsPerPreview > 0 && paths.requests >= requestsPerPreview)
      return reply(busyPreview(head.host), head)
    const { visitor } = connectionOf(client)
    if (!visitors.maySend(visitor)) return reply(busyVisitor(visitor.group), head)
    paths.requests++
    visitor.requests++
    return new PreviewForward(this, { head, client, paths, sinceMs })
  }

  /** Waits with a request that has not been sent, if all connections are gone or full. Otherwise undefined. */
  again(request: PendingRequest, error: HttpError): Promise<Decision> | undefined {
    const found = this.#find(request.head.host)
    const mayHelp = isFull(error) ? !isServed(found) : !isConnected(found)
    return mayHelp ? this.#await(found, request.head, request.client, request) : undefined
  }

  /** A request is done, or has become an upgraded connection, which counts until it is closed. */
  done({ head, client, decision, upgraded }: ExchangeReport): void {
    this.#waiting.delete(head)
    const path = pathOf(decision)
    if (path === undefined) return
    if (upgraded) this.#upgraded.set(client, path.paths)
    else this.#release(client, path.paths)
  }

  /** A connection is closed. */
  closed(client: Client): void {
    const paths = this.#upgraded.get(client)
    if (paths !== undefined) {
      this.#upgraded.delete(client)
      this.#release(client, paths)
    }
    this.#options.visitors.leave(connectionOf(client).visitor)
  }

  /** The engine's failure: the response to a request that is invalid or got no response from its preview. */
  failure(error: HttpError, head: Head): Reply {
    if (!isUpstreamFault(error)) return reply(refused(error), head)
    const found = this.#find(head.host)
    if (this.#options.apex.has(head.host)) return this.#options.apex.failure(head)
    if (found.state !== 'live') return reply(this.#absence(head.host, found), head)
    if (isFull(error)) return reply(fullLinks(found.cluster), head)
    const { service, environment } = found.preview
    return reply({ ...failed(error, service, environment), ...this.#link }, head)
  }

  /** The cluster of a finished exchange. Undefined if its host is unknown. */
  clusterOf({ head, decision }: Pick<ExchangeReport, 'head' | 'decision'>): string | undefined {
    const path = pathOf(decision)
    if (path !== undefined) return path.upstream.cluster
    const found = this.#find(head.host)
    return found.state === 'unknown' ? undefined : found.cluster
  }

  /** Lets a request wait. `before` is set if the request is already counted. Undefined if it may not wait. */
  #await(
    found: Lookup<TunnelLink>,
    head: Head,
    client: Client,
    before?: PendingRequest,
  ): Promise<Decision> | undefined {
    if (found.state === 'unknown') return undefined
    // A live label may also have to wait: its links may be ending before the registry knows, or be full for long.
    const sinceMs = found.state === 'gone' ? found.sinceMs : (before?.sinceMs ?? performance.now())
    const label = labelOf(head.host, this.#options.domain)
    if (sinceMs === undefined || label === undefined) return undefined
    const waiting = this.#options.hold.wait(label, sinceMs)
    if (waiting === undefined) return undefined
    this.#waiting.add(head)
    return waiting.then(() => {
      // The client has left: its request is no longer counted, and the reply is not read.
      if (!this.#waiting.delete(head)) return reply(goneCluster(head.host, found.cluster), head)
      if (before !== undefined) this.#release(client, before.paths)
      return this.route(head, client, sinceMs)
    })
  }

  #release(client: Client, paths: PreviewPaths): void {
    paths.requests--
    connectionOf(client).visitor.requests--
    this.#options.hold.released()
  }

  #absence(host: string, found: Exclude<Lookup<TunnelLink>, Live<TunnelLink>>): Problem {
    if (this.#options.isReturning()) return justStarted(host)
    return found.state === 'unknown'
      ? { ...unknownHost(host), ...this.#link }
      : goneCluster(host, found.cluster)
  }

  /** A link to the index, where there is one. */
  get #link(): Pick<Problem, 'link'> {
    const { link } = this.#options.apex
    return link === undefined ? {} : { link }
  }

  #pathsOf(found: Live<TunnelLink>): PreviewPaths {
    const known = this.#previewPaths.get(found)
    if (known !== undefined) return known
    const paths = new PreviewPaths(found, new VisitorEdits(found.preview.key, this.#options.edits))
    this.#previewPaths.set(found, paths)
    return paths
  }

  #find(host: string): Lookup<TunnelLink> {
    const label = labelOf(host, this.#options.domain)
    return label === undefined ? { state: 'unknown' } : this.#options.find(label)
  }
}

function pathOf(decision: Decision | undefined): Path | undefined {
  const path = decision !== undefined && 'candidates' in decision ? decision.candidates[0] : undefined
  return path instanceof Path ? path : undefined
}

/** Whether a connection can take a request for a label now. */
export const isServed = (found: Lookup<TunnelLink>): boolean =>
  found.state === 'live' && found.links.some((link) => link.hasRoom)

/** Whether a connection can take requests for a label, now or once it has room. */
const isConnected = (found: Lookup<TunnelLink>): boolean =>
  found.state === 'live' && found.links.some((link) => link.takesStreams)

/** Whether a request was not sent because the links have no room. */
const isFull = ({ cause }: HttpError): boolean =>
  cause instanceof TunnelStreamError && cause.fault === 'refused'

/** A counted request that may still be sent. */
interface PendingRequest {
  readonly head: Head
  readonly client: Client
  readonly paths: PreviewPaths
  /** When it began to wait. Undefined if it has not waited. */
  readonly sinceMs: number | undefined
}

/** The decision to forward a request over the connections of its cluster. */
class PreviewForward implements Forward {
  readonly candidates: readonly Path[]
  readonly #frontend: Frontend
  readonly #request: PendingRequest

  constructor(frontend: Frontend, request: PendingRequest) {
    const { head, client, paths } = request
    this.#frontend = frontend
    this.#request = request
    this.candidates = paths.candidates(
      paths.edits.of(head, client.remoteAddress),
      versionFor(head, paths.protocol),
    )
  }

  otherwise(error: HttpError): Promise<Decision> | undefined {
    return this.#frontend.again(this.#request, error)
  }
}

/** A preview, and the paths to it: one over each connection of its cluster. */
class PreviewPaths {
  readonly edits: VisitorEdits
  readonly protocol: RegisteredPreview['protocol']
  /** Running requests, including upgraded connections. */
  requests = 0
  readonly #upstreams: readonly LinkUpstream[]
  #turn = 0

  constructor({ cluster, preview, links }: Live<TunnelLink>, edits: VisitorEdits) {
    this.edits = edits
    this.protocol = preview.protocol
    this.#upstreams = links.map((link) => new LinkUpstream(cluster, preview, link))
  }

  /**
   * All connections lead to the same version of the service. The first candidate is the connection with the fewest
   * streams. If several have, they take turns. The others follow, for a request that may be tried again.
   */
  candidates(edits: HeadEdits, speaks: Candidate['speaks']): Path[] {
    const upstreams = this.#upstreams
    const { length } = upstreams
    const turn = this.#turn++
    let first = turn % length
    for (let step = 1; step < length; step++) {
      const index = (turn + step) % length
      if (loadOf(upstreams[index] as LinkUpstream) < loadOf(upstreams[first] as LinkUpstream)) first = index
    }
    const candidates: Path[] = []
    for (let step = 0; step < length; step++) {
      candidates.push(new Path(this, upstreams[(first + step) % length] as LinkUpstream, edits, speaks))
    }
    return candidates
  }
}

/** The load of a link. One that is ending comes last. */
const loadOf = ({ link }: LinkUpstream): number =>
  link.takesStreams ? link.streams : Number.POSITIVE_INFINITY

/** A preview behind one link. Streams are pooled by link and target. */
class LinkUpstream implements Upstream {
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

class Path implements Candidate {
  readonly paths: PreviewPaths
  readonly upstream: LinkUpstream
  readonly edits: HeadEdits
  readonly speaks: Candidate['speaks']

  constructor(paths: PreviewPaths, upstream: LinkUpstream, edits: HeadEdits, speaks: Candidate['speaks']) {
    this.paths = paths
    this.upstream = upstream
    this.edits = edits
    this.speaks = speaks
  }
}

/** The HTTP version in which a request goes to its app, see decision 0087. */
const versionFor = (head: Head, protocol: RegisteredPreview['protocol']): Candidate['speaks'] =>
  isGrpc(head) || protocol === 'http2' || protocol === 'grpc' ? 'http2' : 'http1'

const reply = (problem: Problem, head: Head): Reply => problemReply(problem, head.get('accept'))

const unknownHost = (host: string): Problem => ({
  status: 404,
  reason: 'unknown-host',
  title: 'No preview here',
  detail: `No preview is registered for ${host.slice(0, 255) || 'a request without a host'}. Its environment may have ended, or not have started yet.`,
})

/** Most clusters return within a second, so visitors should retry before the whole time has passed. */
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
  detail: `The preview ${host} belongs to the cluster ${cluster}, which is not connected. It works again once the cluster reconnects.`,
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
  detail: `The preview ${host} has reached its limit of running requests: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

const fullLinks = (cluster: string): Problem => ({
  status: 503,
  reason: 'cluster-busy',
  title: 'The cluster is busy',
  detail: `All links of the cluster ${cluster} are full: try again.`,
  retryAfterSeconds: RETRY_AFTER_SECONDS,
})

const busyVisitor = (address: string): Problem => ({
  status: 503,
  reason: 'visitor-busy',
  title: 'Too many requests at a time',
  detail: `Your address (${address}) has reached its limit of running requests: try again when some are done.`,
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

function failed(error: HttpError, service: string, environment: string): Problem {
  const cause = error.cause
  const fault = cause instanceof TunnelStreamError ? cause : undefined
  const what = `The service ${service} of the environment ${environment} did not respond`
  return {
    status: error.status,
    reason: fault === undefined ? (REASONS[error.code] ?? 'upstream') : `tunnel-${fault.fault}`,
    title: 'The preview did not respond',
    detail:
      fault !== undefined && SAYING.has(fault.fault)
        ? `${fault.message}.`
        : `${what}: ${fault?.message ?? error.message}.`,
    members: { environment, service, cause: fault?.message },
  }
}

/** The faults whose message comes from the cluster, and is a sentence that names the service. */
const SAYING: ReadonlySet<string> = new Set(['unknown', 'unavailable', 'connect'])

const REASONS: Readonly<Record<string, string>> = {
  BL_HTTP_UPSTREAM_UNREACHABLE: 'unreachable',
  BL_HTTP_UPSTREAM_CLOSED: 'closed',
  BL_HTTP_UPSTREAM_UNPROCESSED: 'unprocessed',
  BL_HTTP_UPSTREAM_TIMEOUT: 'timeout',
  BL_HTTP_BAD_RESPONSE: 'bad-response',
  BL_HTTP_RESPONSE_TOO_LARGE: 'too-large',
}
