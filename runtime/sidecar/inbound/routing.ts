import { requestedTrace, EXPLAIN_HEADER, formatHop, MAX_EXPLAIN_LENGTH } from '@branchline/wire/explain'
import { ROUTED_HEADER } from '@branchline/wire/names'
import type { Client, HeadEdits, Reply } from '../../proxy/decision.ts'
import type { EngineOptions } from '../../http1/index.ts'
import type { HttpError } from '../../proxy/errors.ts'
import type { Head } from '../../proxy/head.ts'
import type { Upstream } from '../../transport/transport.ts'
import { decide, type Decision, type Step } from '../route/decide.ts'
import { idEdits } from '../route/id-edits.ts'
import { type KeyContext, readKey } from '../route/key.ts'
import { unavailable } from '../route/problem.ts'
import { troubleIn } from '../route/trouble.ts'
import type { EntryPort, SidecarContext } from './context.ts'
import { beginCount } from './counts.ts'
import { afterEntry, type Entered } from './entry.ts'
import { explainReply } from './explain.ts'
import { failureOf, record } from './report.ts'
import {
  type RouteContext,
  type RequestContext,
  forward,
  type RoutedCandidate,
  type RoutedForward,
  type RoutedReply,
} from './routed.ts'
import { type Field, type Traced, traceOf } from './trace.ts'

/**
 * The routing of the sidecar's HTTP engines, for every version of HTTP: each request by its own key and the current
 * table. The `context` of a client is an {@link EntryPort}.
 */
export function httpRouting(
  context: SidecarContext,
): Required<Pick<EngineOptions, 'route' | 'failure' | 'observer'>> {
  return {
    route: (head, client) => {
      const entered = context.entry?.enter(head, context.routes()?.environment || 'unknown')
      // A visitor must not learn which versions exist.
      const path = entered === undefined ? context.explain && head.get(EXPLAIN_HEADER) : undefined
      const hops = path === undefined ? undefined : requestedTrace(path)
      if (hops !== undefined) return explainReply(context.explain, hops)
      return new Routing(context, head, client, path, entered).decide()
    },
    failure: failureOf(context),
    observer: {
      connectionOpened: () => context.metrics.connections.http.inc(),
      connectionClosed: () => context.metrics.connections.http.dec(),
      exchangeDone: (exchange) => record(context, exchange),
      refused: ({ remoteAddress }, reason) => context.refusals.add({ client: remoteAddress, reason }),
    },
  }
}

/** Routes one request. A held request is routed again. */
class Routing {
  readonly #context: SidecarContext
  readonly #head: Head
  readonly #client: Client
  readonly #routed: boolean
  /** The path so far, from the field of a request that asks for its path. */
  readonly #path: string | undefined
  /** Set for a request that a visitor sent through an ingress. */
  readonly #entered: Entered | undefined
  /** The fields that count: those of the head, or what the entry leaves of them. */
  readonly #fields: Pick<Head, 'get'>
  #traced: Traced | undefined = undefined
  #request: RequestContext | undefined = undefined

  constructor(
    context: SidecarContext,
    head: Head,
    client: Client,
    path: string | undefined,
    entered: Entered | undefined,
  ) {
    this.#context = context
    this.#head = head
    this.#client = client
    this.#routed = head.get(ROUTED_HEADER) !== undefined
    this.#path = path
    this.#entered = entered
    this.#fields = entered?.fields ?? head
  }

  decide(): RoutedForward | RoutedReply {
    const { outages } = this.#context
    const [decision, route] = this.#evaluate()
    const { steps, hold } = decision
    const tried = hold ? steps.slice(0, 1) : steps
    const candidates = this.#candidates(tried, 0, route)
    if (hold) {
      return forward(route, candidates, (error) => this.#hold(error, decision, route, candidates))
    }
    if (candidates.length > 0) return forward(route, candidates)
    outages.failed(route)
    return this.#noEndpoint(route)
  }

  /**
   * Waits for the environment that the key means, and then routes the request again. If the request may not wait, or
   * not any longer, it is served by the rule `baseline`.
   */
  #hold(
    error: HttpError,
    { steps }: Decision,
    route: RouteContext,
    candidates: readonly RoutedCandidate[],
  ): RoutedForward | RoutedReply | Promise<RoutedForward | RoutedReply> | undefined {
    const { outages, holds } = this.#context
    outages.failed(route)
    const upstreams = candidates.map(({ upstream }) => upstream)
    const waiting = holds.wait(this.#head, this.#head.bytes, upstreams, outages.holdFor(route))
    if (waiting !== undefined)
      return waiting.then((goesOn) => (goesOn ? this.decide() : { status: 503, route }))
    const others = this.#candidates(steps.slice(1), 1, route)
    if (others.length > 0) return forward(route, others)
    return error.code === 'BL_HTTP_UPSTREAM_UNREACHABLE' && candidates.length === 0
      ? this.#noEndpoint(route)
      : undefined
  }

  #evaluate(): [Decision, RouteContext] {
    const { inbound } = this.#client.context as EntryPort
    const { remoteAddress } = this.#client
    const routes = this.#context.routes()
    const listener = routes?.listener(inbound.port)
    const callerKey = remoteAddress === undefined ? undefined : routes?.callerKey(remoteAddress)
    const found = this.#findKey(listener, routes, callerKey)
    const decision = decide(listener, {
      key: found?.key,
      foreign: found?.source === 'id' && found.key === undefined,
      routed: this.#routed,
    })
    const own = routes?.environment || 'unknown'
    const traced = (this.#traced ??= traceOf(
      this.#context,
      this.#head,
      this.#fields,
      found,
      this.#path !== undefined,
    ))
    this.#request ??= {
      traceId: traced.traceparent?.slice(3, 35),
      explained: traced.explained && {
        ...traced.explained,
        sinceMs: performance.timeOrigin + performance.now(),
      },
      span: traced.span,
      ...beginCount(this.#context, { listener, decision, found, routed: this.#routed, remoteAddress }),
    }
    const route: RouteContext = {
      service: listener?.service ?? `port ${inbound.appPort}`,
      own,
      environment: decision.wanted?.environment ?? own,
      reason: decision.reason,
      found,
      request: this.#request,
    }
    return [decision, route]
  }

  #findKey(
    numbers: KeyContext['numbers'],
    callers: KeyContext['callers'],
    callerKey: string | undefined,
  ): ReturnType<typeof readKey> {
    if (this.#entered !== undefined) return { key: this.#entered.key, source: 'host' }
    return readKey(this.#head, { header: this.#context.keyHeader, callerKey, numbers, callers })
  }

  #candidates(steps: readonly Step[], before: number, route: RouteContext): RoutedCandidate[] {
    const { app } = this.#client.context as EntryPort
    const candidates: RoutedCandidate[] = []
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as Step
      const intended = before === 0 && index === 0
      if (step.kind === 'local') {
        const responseEdits = this.#pathEdits(route, app.key)
        candidates.push(new LocalCandidate(this, app, route, intended, responseEdits))
        continue
      }
      const { environment } = step.destination
      const waits = this.#context.hopWaits
      const edits = { set: this.#remoteFields(step) }
      for (const endpoint of this.#context.balancer.pick(step.destination)) {
        const path = this.#pathField(route, endpoint.key)
        const all = path === undefined ? edits : { set: [...edits.set, path] }
        candidates.push({
          upstream: endpoint,
          version: environment,
          edits: afterEntry(this.#entered, all),
          environment,
          endpoint,
          intended,
          waits,
        })
      }
    }
    return candidates
  }

  #remoteFields({ destination, routed }: RemoteStep): readonly Field[] {
    const set = this.#traced?.set
    if (!routed) return set ?? NO_FIELDS
    const mark: Field = [ROUTED_HEADER, destination.environment]
    return set === undefined ? [mark] : [mark, ...set]
  }

  localEdits({ found }: RouteContext): HeadEdits {
    const { addedIds } = this.#context
    const ids =
      found === undefined || addedIds.length === 0
        ? NO_FIELDS
        : idEdits(this.#fields, found.key, this.#traced?.traceparent, addedIds)
    const set = ids.length === 0 ? this.#traced?.set : [...(this.#traced?.set ?? []), ...ids]
    const edits =
      set === undefined ? (this.#routed ? STRIP : NONE) : this.#routed ? { ...STRIP, set } : { set }
    return afterEntry(this.#entered, edits)
  }

  /** The path so far, for the next sidecar of this exchange. */
  #pathField(route: RouteContext, endpoint: string): Field | undefined {
    if (this.#path === undefined) return undefined
    const before = this.#path.replace(/^1(?:, )?/, '')
    const hop = formatHop({ ...route, at: route.own }, endpoint)
    // A path that becomes too long starts again. The reported hops still contain all of it.
    const fits = before !== '' && before.length + hop.length <= MAX_EXPLAIN_LENGTH
    return [EXPLAIN_HEADER, fits ? `1, ${before}, ${hop}` : `1, ${hop}`]
  }

  /** The path, for the response to a request that asks for it. The sidecar next to the responding app adds it. */
  #pathEdits(route: RouteContext, endpoint: string): HeadEdits | undefined {
    const field = this.#pathField(route, endpoint)
    if (field === undefined) return undefined
    const trace = `;trace="${route.request.traceId ?? ''}"`
    return { set: [[EXPLAIN_HEADER, `${field[1].replace(/^1, /, '')}${trace}`]] }
  }

  #trouble(environment: string): string | undefined {
    return troubleIn(this.#context.routes(), this.#client.context as EntryPort, environment)
  }

  #noEndpoint(route: RouteContext): RoutedReply {
    const { environment, service } = route
    const since = this.#context.outages.since(route)
    const reply: Reply = unavailable(
      { status: 502, environment, service, reason: 'no-endpoint', cause: this.#trouble(environment), since },
      this.#head.get('accept'),
    )
    return { ...reply, route }
  }
}

/** The pod's app. Its edits are made when it is tried, because most requests that are routed elsewhere never need it. */
class LocalCandidate implements RoutedCandidate {
  readonly upstream: Upstream
  readonly responseEdits: HeadEdits | undefined
  readonly environment: string
  readonly version: string
  readonly endpoint = undefined
  readonly intended: boolean
  readonly #routing: Routing
  readonly #route: RouteContext
  #edits: HeadEdits | undefined = undefined

  constructor(
    routing: Routing,
    upstream: Upstream,
    route: RouteContext,
    intended: boolean,
    responseEdits: HeadEdits | undefined,
  ) {
    this.#routing = routing
    this.upstream = upstream
    this.#route = route
    this.environment = route.own
    this.version = route.own
    this.intended = intended
    this.responseEdits = responseEdits
  }

  get edits(): HeadEdits {
    return (this.#edits ??= this.#routing.localEdits(this.#route))
  }
}

type RemoteStep = Extract<Step, { kind: 'remote' }>

const NO_FIELDS: readonly Field[] = []
const NONE: HeadEdits = {}
const STRIP: HeadEdits = { remove: [ROUTED_HEADER] }
