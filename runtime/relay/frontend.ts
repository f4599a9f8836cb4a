import { STATUS_CODES } from 'node:http'
import type {
  Client,
  Decision,
  ExchangeReport,
  HttpError,
  Reply,
  RequestHead,
  Upstream,
} from '../http/index.ts'
import { TunnelStreamError, type TunnelLink } from '../tunnel/index.ts'
import { type EditOptions, visitorEdits } from './head-edits.ts'
import { labelOf } from './host.ts'
import { type Problem, problemReply } from './page.ts'
import type { Lookup } from './registry.ts'

export interface FrontendOptions {
  readonly domain: string
  readonly edits: EditOptions
  readonly find: (label: string) => Lookup<TunnelLink>
}

type Live = Extract<Lookup<TunnelLink>, { state: 'live' }>

/** Where a visitor's request goes: by its host alone. */
export class Frontend {
  readonly #options: FrontendOptions

  constructor(options: FrontendOptions) {
    this.#options = options
  }

  /** The engine's route: the preview's cluster through its tunnel, or a page that says why not. */
  route(head: RequestHead, client: Client): Decision {
    const found = this.#find(head.host)
    if (found.state === 'unknown') return reply(unknownHost(head.host), head)
    if (found.state === 'gone') return reply(goneCluster(head.host, found.cluster), head)
    if (found.preview.access !== 'public') return reply(notPublic(found.preview.access), head)
    const edits = visitorEdits(head, found.preview.key, client.remoteAddress, this.#options.edits)
    return { candidates: [{ upstream: upstreamOf(found), edits }] }
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
  clusterOf({ head }: Pick<ExchangeReport, 'head'>): string | undefined {
    const found = this.#find(head.host)
    return found.state === 'unknown' ? undefined : found.cluster
  }

  #find(host: string): Lookup<TunnelLink> {
    const label = labelOf(host, this.#options.domain)
    return label === undefined ? { state: 'unknown' } : this.#options.find(label)
  }
}

/** Streams are pooled by what they reach, over the link that the cluster has now. */
function upstreamOf({ cluster, link, preview }: Live): Upstream {
  const { environment, service, port } = preview
  return {
    key: `${cluster}/${environment}/${service}:${port}`,
    dial: () => link.open({ environment, service, port }),
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
