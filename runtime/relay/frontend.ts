import type { RegisteredPreview, StreamTarget } from '@branchline/wire/tunnel/control'
import type {
  Candidate,
  Client,
  Decision,
  ExchangeReport,
  HttpError,
  HeadEdits,
  Reply,
  RequestHead,
  Upstream,
} from '../http/index.ts'
import { type TunnelLink, type TunnelStream, TunnelStreamError } from '../tunnel/index.ts'
import { type EditOptions, VisitorEdits } from './head-edits.ts'
import { labelOf } from './host.ts'
import { type Problem, problemReply } from './page.ts'
import type { Lookup } from './registry.ts'

// Not by `import`, which loads undici, too (runtime/process/admin.ts).
const { STATUS_CODES } = process.getBuiltinModule('node:http')

export interface FrontendOptions {
  readonly domain: string
  readonly edits: EditOptions
  readonly find: (label: string) => Lookup<TunnelLink>
}

type Live = Extract<Lookup<TunnelLink>, { state: 'live' }>

/** Where a visitor's request goes: by its host alone. */
export class Frontend {
  readonly #options: FrontendOptions
  readonly #places = new WeakMap<RegisteredPreview, Place>()

  constructor(options: FrontendOptions) {
    this.#options = options
  }

  /** The engine's route: the preview's cluster through its tunnel, or a page that says why not. */
  route(head: RequestHead, client: Client): Decision {
    const found = this.#find(head.host)
    if (found.state === 'unknown') return reply(unknownHost(head.host), head)
    if (found.state === 'gone') return reply(goneCluster(head.host, found.cluster), head)
    if (found.preview.access !== 'public') return reply(notPublic(found.preview.access), head)
    const place = this.#placeOf(found)
    return { candidates: [new Way(place, place.edits.of(head, client.remoteAddress))] }
  }

  /** The engine's failure: what a visitor is told of a request that is no good, or that nobody answered. */
  failure(error: HttpError, head: RequestHead): Reply {
    if (!isUpstreamFault(error)) return reply(refused(error), head)
    const found = this.#find(head.host)
    if (found.state === 'unknown') return reply(unknownHost(head.host), head)
    if (found.state === 'gone') return reply(goneCluster(head.host, found.cluster), head)
    const { service, environment } = found.preview
    return reply(unanswered(error, service, environment), head)
  }

  /** The cluster that a finished exchange was for; undefined where its host is nobody's. */
  clusterOf({ head, decision }: Pick<ExchangeReport, 'head' | 'decision'>): string | undefined {
    const way = decision !== undefined && 'candidates' in decision ? decision.candidates[0] : undefined
    if (way instanceof Way) return way.upstream.cluster
    const found = this.#find(head.host)
    return found.state === 'unknown' ? undefined : found.cluster
  }

  #placeOf(found: Live): Place {
    const known = this.#places.get(found.preview)
    if (known !== undefined && known.link === found.link) return known
    const place = new Place(found, new VisitorEdits(found.preview.key, this.#options.edits))
    this.#places.set(found.preview, place)
    return place
  }

  #find(host: string): Lookup<TunnelLink> {
    const label = labelOf(host, this.#options.domain)
    return label === undefined ? { state: 'unknown' } : this.#options.find(label)
  }
}

/** A preview over the link that its cluster has now. Streams are pooled by what they reach there. */
class Place implements Upstream {
  readonly key: string
  readonly cluster: string
  readonly link: TunnelLink
  readonly edits: VisitorEdits
  readonly #target: StreamTarget

  constructor({ cluster, link, preview }: Live, edits: VisitorEdits) {
    const { environment, service, port } = preview
    this.key = `${cluster}/${environment}/${service}:${port}`
    this.cluster = cluster
    this.link = link
    this.edits = edits
    this.#target = { environment, service, port }
  }

  dial(): TunnelStream {
    return this.link.open(this.#target)
  }
}

class Way implements Candidate {
  readonly upstream: Place
  readonly edits: HeadEdits

  constructor(upstream: Place, edits: HeadEdits) {
    this.upstream = upstream
    this.edits = edits
  }
}

const reply = (problem: Problem, head: RequestHead): Reply => problemReply(problem, head.get('accept'))

const unknownHost = (host: string): Problem => ({
  status: 404,
  reason: 'unknown-host',
  title: 'No preview here',
  detail: `No preview is registered for ${host.slice(0, 255) || 'a request without a host'}. Its environment may have ended, or not have started yet.`,
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
})

const isUpstreamFault = ({ code }: HttpError): boolean =>
  code.startsWith('BL_HTTP_UPSTREAM') || code === 'BL_HTTP_BAD_RESPONSE'

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
}
