import { tcpUpstream } from '../../transport/tcp.ts'
import type { Transport, Upstream } from '../../transport/transport.ts'
import type { Destination } from '../table/table.ts'
import { type Weights, weightsOf } from '../../proxy/weights.ts'

/** The maximum endpoints of one environment to try for one request. */
export const MAX_TRIES = 3
/** After this many failures in a row an endpoint is ejected. A refused connection counts as that many. */
const EJECT_AFTER = 3
/** How long an endpoint stays ejected. Doubled with each further ejection, up to the maximum. */
export const EJECTION_MS = { first: 1_000, max: 30_000 } as const
/** The maximum endpoints to remember. Healthy and idle ones are forgotten first. */
const MAX_REMEMBERED = 8_192

/** The algorithms to choose an endpoint. */
export const BALANCING = ['least-outstanding', 'round-robin'] as const
export type Balancing = (typeof BALANCING)[number]

/** One endpoint and its health, as seen by the requests of this sidecar. */
export class EndpointUpstream implements Upstream {
  readonly key: string
  /** Requests that were sent to it and have no response yet. */
  outstanding = 0
  readonly #upstream: Upstream
  #failures = 0
  #ejections = 0
  #ejectedUntilMs = 0

  constructor(host: string, port: number) {
    this.#upstream = tcpUpstream(host, port)
    this.key = this.#upstream.key
  }

  dial(): Transport {
    return this.#upstream.dial()
  }

  /** Whether it is healthy and idle. */
  get spotless(): boolean {
    return this.#failures === 0 && this.outstanding === 0
  }

  /** Whether it is ejected at this moment (of the monotonic clock). */
  ejected(nowMs?: number): boolean {
    return this.#ejectedUntilMs !== 0 && (nowMs ?? performance.now()) < this.#ejectedUntilMs
  }

  succeeded(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#ejections = 0
    this.#ejectedUntilMs = 0
  }

  /** It could not be reached, or closed the connection before it responded. A response of 5xx is not a failure. */
  failed(how: 'unreachable' | 'closed', nowMs = performance.now()): void {
    if (this.ejected(nowMs)) return
    this.#failures += how === 'unreachable' ? EJECT_AFTER : 1
    if (this.#failures < EJECT_AFTER) return
    const { first, max } = EJECTION_MS
    this.#ejectedUntilMs = nowMs + Math.min(max, first * 2 ** Math.min(this.#ejections++, 30))
  }
}

interface Rotation {
  readonly upstreams: readonly EndpointUpstream[]
  /** Undefined if all are equal. */
  readonly weights: Weights | undefined
  next: number
}

/**
 * Chooses endpoints of an environment: of two random ones the one with fewer outstanding requests, so that a slow one
 * gets fewer, or each in turn. Both respect weights. An endpoint that fails is ejected for a while, unless all are. The
 * health of an endpoint outlives the table from which it came.
 */
export class Balancer {
  readonly #balancing: Balancing
  readonly #rotations = new WeakMap<Destination, Rotation>()
  readonly #known = new Map<string, EndpointUpstream>()

  constructor(balancing: Balancing = 'least-outstanding') {
    this.#balancing = balancing
  }

  /** The endpoints to try for one request, in order: at most {@link MAX_TRIES}, each once. */
  pick(destination: Destination): readonly EndpointUpstream[] {
    const rotation = this.#rotations.get(destination) ?? this.#begin(destination)
    const { upstreams, weights } = rotation
    if (upstreams.length < 2) return upstreams
    const first = this.#first(rotation)
    const picked: EndpointUpstream[] = []
    const ejected: EndpointUpstream[] = []
    const weightless: EndpointUpstream[] | undefined = weights && []
    for (let index = 0; index < upstreams.length && picked.length < MAX_TRIES; index++) {
      const place = (first + index) % upstreams.length
      const upstream = upstreams[place] as EndpointUpstream
      if (upstream.ejected()) ejected.push(upstream)
      else if (weights?.of[place] === 0) weightless?.push(upstream)
      else picked.push(upstream)
    }
    if (weightless !== undefined) picked.push(...weightless.slice(0, MAX_TRIES - picked.length))
    // If all are ejected, try them anyway: a failed try is better than none.
    return picked.length > 0 ? picked : ejected.slice(0, MAX_TRIES)
  }

  #first(rotation: Rotation): number {
    const { upstreams, weights } = rotation
    if (this.#balancing === 'round-robin') {
      if (weights === undefined) return rotation.next++
      return Math.max(
        0,
        weights.next((place) => upstreams[place]?.ejected() === true),
      )
    }
    if (weights === undefined) return leastOfTwo(upstreams)
    const one = weights.random()
    return weights.some < 2 ? one : lesser(upstreams, one, weights.random(one), weights)
  }

  #begin(destination: Destination): Rotation {
    const upstreams = destination.endpoints.map(({ host, port }) => this.#endpoint(host, port))
    const weights = weightsOf(destination.endpoints.map(({ weight }) => weight))
    const rotation = { upstreams, weights, next: Math.floor(Math.random() * upstreams.length) }
    this.#rotations.set(destination, rotation)
    return rotation
  }

  #endpoint(host: string, port: number): EndpointUpstream {
    const fresh = new EndpointUpstream(host, port)
    const known = this.#known.get(fresh.key)
    if (known !== undefined) return known
    if (this.#known.size >= MAX_REMEMBERED) this.#forget()
    this.#known.set(fresh.key, fresh)
    return fresh
  }

  #forget(): void {
    for (const [key, endpoint] of this.#known) if (endpoint.spotless) this.#known.delete(key)
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
  }
}

/** Of two random endpoints, the index of the less busy one (Mitzenmacher, The Power of Two Choices). */
function leastOfTwo(upstreams: readonly EndpointUpstream[]): number {
  const one = Math.floor(Math.random() * upstreams.length)
  const step = 1 + Math.floor(Math.random() * (upstreams.length - 1))
  return lesser(upstreams, one, (one + step) % upstreams.length, undefined)
}

/** Of two places, the less busy one relative to its weight, or the first if both are equal. */
function lesser(
  upstreams: readonly EndpointUpstream[],
  one: number,
  two: number,
  weights: Weights | undefined,
): number {
  const a = upstreams[one] as EndpointUpstream
  const b = upstreams[two] as EndpointUpstream
  if (a.ejected() !== b.ejected()) return a.ejected() ? two : one
  if (weights === undefined) return b.outstanding < a.outstanding ? two : one
  const [ofA, ofB] = [weights.of[one] as number, weights.of[two] as number]
  return b.outstanding * ofA < a.outstanding * ofB ? two : one
}
