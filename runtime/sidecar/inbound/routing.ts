import { requestedTrace, EXPLAIN_HEADER, formatHop, MAX_EXPLAIN_LENGTH } from '@branchline/wire/explain'
import { ROUTED_HEADER } from '@branchline/wire/names'
import type { Client, HeadEdits, Reply } from '../../proxy/decision.ts'
import type { EngineOptions } from '../../http1/index.ts'
import type { HttpError } from '../../proxy/errors.ts'
import type { Head } from '../../proxy/head.ts'
import type { Upstream } from '../../transport/transport.ts'
import { decide, type Decision, type Step } from '../route/decide.ts'
import { idEdits } from '../route/id-edits.ts'
import { readKey } from '../route/key.ts'
import { unavailable } from '../route/problem.ts'
import type { Arrival, Surroundings } from './arrival.ts'
import { explainReply } from './explain.ts'
import { failureOf, record } from './report.ts'
import {
  type About,
  type Asked,
  forward,
  type RoutedCandidate,
  type RoutedForward,
  type RoutedReply,
} from './routed.ts'
import { type Field, type Traced, traceOf } from './trace.ts'

/**
 * How every HTTP engine of a sidecar routes, whatever its version: each request by its own key and the table
 * of the moment. The `context` of a client is an {@link Arrival}.
 */
export function httpRouting(
  around: Surroundings,
): Required<Pick<EngineOptions, 'route' | 'failure' | 'observer'>> {
  return {
    route: (head, client) => {
      const way = around.explain && head.get(EXPLAIN_HEADER)
      const hops = way === undefined ? undefined : requestedTrace(way)
      if (hops !== undefined) return explainReply(around.explain, hops)
      return new Routing(around, head, client, way).decide()
    },
    failure: failureOf(around),
    observer: {
      connectionOpened: () => around.metrics.connections.http.inc(),
      connectionClosed: () => around.metrics.connections.http.dec(),
      exchangeDone: (exchange) => record(around, exchange),
      refused: ({ remoteAddress }, reason) => around.refusals.add({ client: remoteAddress, reason }),
    },
  }
}

/** One request on its way to a decision; one that is held comes here again. */
class Routing {
  readonly #around: Surroundings
  readonly #head: Head
  readonly #client: Client
  readonly #routed: boolean
  /** What is to be known of its way: the field of those who ask. */
  readonly #way: string | undefined
  #traced: Traced | undefined = undefined
  #asked: Asked | undefined = undefined

  constructor(around: Surroundings, head: Head, client: Client, way: string | undefined) {
    this.#around = around
    this.#head = head
    this.#client = client
    this.#routed = head.get(ROUTED_HEADER) !== undefined
    this.#way = way
  }

  decide(): RoutedForward | RoutedReply {
    const { outages } = this.#around
    const [decision, about] = this.#look()
    const { steps, hold } = decision
    const tried = hold ? steps.slice(0, 1) : steps
    const candidates = this.#candidates(tried, 0, about)
    if (hold) {
      return forward(about, candidates, (error) => this.#hold(error, decision, about, candidates))
    }
    if (candidates.length > 0) return forward(about, candidates)
    outages.failed(about)
    return this.#nowhere(about)
  }

  /**
   * Waits for whom the key means, and decides anew then; where it may not wait, or no longer, it is served as
   * the rule `baseline` has it.
   */
  #hold(
    error: HttpError,
    { steps }: Decision,
    about: About,
    candidates: readonly RoutedCandidate[],
  ): RoutedForward | RoutedReply | Promise<RoutedForward | RoutedReply> | undefined {
    const { outages, holds } = this.#around
    outages.failed(about)
    const upstreams = candidates.map(({ upstream }) => upstream)
    const waiting = holds.wait(this.#head, this.#head.bytes, upstreams, outages.holdFor(about))
    if (waiting !== undefined)
      return waiting.then((goesOn) => (goesOn ? this.decide() : { status: 503, about }))
    const others = this.#candidates(steps.slice(1), 1, about)
    if (others.length > 0) return forward(about, others)
    return error.code === 'BL_HTTP_UPSTREAM_UNREACHABLE' && candidates.length === 0
      ? this.#nowhere(about)
      : undefined
  }

  #look(): [Decision, About] {
    const { inbound } = this.#client.context as Arrival
    const { remoteAddress } = this.#client
    const routes = this.#around.routes()
    const listener = routes?.listener(inbound.port)
    const callerKey = remoteAddress === undefined ? undefined : routes?.callerKey(remoteAddress)
    const found = readKey(this.#head, {
      header: this.#around.keyHeader,
      callerKey,
      numbers: listener,
      callers: routes,
    })
    const decision = decide(listener, {
      key: found?.key,
      foreign: found?.source === 'id' && found.key === undefined,
      routed: this.#routed,
    })
    const own = routes?.environment || 'unknown'
    const traced = (this.#traced ??= traceOf(this.#around, this.#head, found, this.#way !== undefined))
    this.#asked ??= {
      traceId: traced.traceparent?.slice(3, 35),
      explained: traced.explained && {
        ...traced.explained,
        sinceMs: performance.timeOrigin + performance.now(),
      },
      span: traced.span,
    }
    const about: About = {
      service: listener?.service ?? `port ${inbound.appPort}`,
      own,
      environment: decision.wanted?.environment ?? own,
      reason: decision.reason,
      found,
      asked: this.#asked,
    }
    return [decision, about]
  }

  #candidates(steps: readonly Step[], before: number, about: About): RoutedCandidate[] {
    const { app } = this.#client.context as Arrival
    const candidates: RoutedCandidate[] = []
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as Step
      const meant = before === 0 && index === 0
      if (step.kind === 'local') {
        const responseEdits = this.#answerWay(about, app.key)
        candidates.push(new LocalCandidate(this, app, about, meant, responseEdits))
        continue
      }
      const { environment } = step.destination
      const waits = this.#around.hopWaits
      const edits = { set: this.#remoteFields(step) }
      for (const endpoint of this.#around.balancer.pick(step.destination)) {
        const way = this.#passWay(about, endpoint.key)
        const all = way === undefined ? edits : { set: [...edits.set, way] }
        candidates.push({
          upstream: endpoint,
          version: environment,
          edits: all,
          environment,
          endpoint,
          meant,
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

  localEdits({ found }: About): HeadEdits {
    const { addedIds } = this.#around
    const ids =
      found === undefined || addedIds.length === 0
        ? NO_FIELDS
        : idEdits(this.#head, found.key, this.#traced?.traceparent, addedIds)
    const set = ids.length === 0 ? this.#traced?.set : [...(this.#traced?.set ?? []), ...ids]
    if (set === undefined) return this.#routed ? STRIP : NONE
    return this.#routed ? { ...STRIP, set } : { set }
  }

  /** The way so far, for the next sidecar of this exchange. */
  #passWay(about: About, endpoint: string): Field | undefined {
    if (this.#way === undefined) return undefined
    const before = this.#way.replace(/^1(?:, )?/, '')
    const hop = formatHop({ ...about, at: about.own }, endpoint)
    // A way that is too long begins anew: the hops that are reported still tell all of it.
    const fits = before !== '' && before.length + hop.length <= MAX_EXPLAIN_LENGTH
    return [EXPLAIN_HEADER, fits ? `1, ${before}, ${hop}` : `1, ${hop}`]
  }

  /** The way, for whoever asked: told by the sidecar whose app answers. */
  #answerWay(about: About, endpoint: string): HeadEdits | undefined {
    const field = this.#passWay(about, endpoint)
    if (field === undefined) return undefined
    const trace = `;trace="${about.asked.traceId ?? ''}"`
    return { set: [[EXPLAIN_HEADER, `${field[1].replace(/^1, /, '')}${trace}`]] }
  }

  #nowhere(about: About): RoutedReply {
    const { environment, service } = about
    const since = this.#around.outages.since(about)
    const reply: Reply = unavailable(
      { status: 502, environment, service, reason: 'no-endpoint', since },
      this.#head.get('accept'),
    )
    return { ...reply, about }
  }
}

/** The app beside. Its edits are made when it is tried: most requests that go elsewhere never come back to it. */
class LocalCandidate implements RoutedCandidate {
  readonly upstream: Upstream
  readonly responseEdits: HeadEdits | undefined
  readonly environment: string
  readonly version: string
  readonly endpoint = undefined
  readonly meant: boolean
  readonly #routing: Routing
  readonly #about: About
  #edits: HeadEdits | undefined = undefined

  constructor(
    routing: Routing,
    upstream: Upstream,
    about: About,
    meant: boolean,
    responseEdits: HeadEdits | undefined,
  ) {
    this.#routing = routing
    this.upstream = upstream
    this.#about = about
    this.environment = about.own
    this.version = about.own
    this.meant = meant
    this.responseEdits = responseEdits
  }

  get edits(): HeadEdits {
    return (this.#edits ??= this.#routing.localEdits(this.#about))
  }
}

type RemoteStep = Extract<Step, { kind: 'remote' }>

const NO_FIELDS: readonly Field[] = []
const NONE: HeadEdits = {}
const STRIP: HeadEdits = { remove: [ROUTED_HEADER] }
