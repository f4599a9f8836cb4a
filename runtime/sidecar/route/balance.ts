import { tcpUpstream } from '../../transport/tcp.ts'
import type { Transport, Upstream } from '../../transport/transport.ts'
import type { Destination } from '../table/table.ts'
import { type Weights, weightsOf } from './weights.ts'

/** The most endpoints of one environment that are tried for one request. */
export const MAX_TRIES = 3
/** After so many failures in a row an endpoint is passed over; a refused connection counts as that many. */
export const EJECT_AFTER = 3
/** For how long: doubled with each further time, up to the maximum. */
export const EJECTION_MS = { first: 1_000, max: 30_000 } as const
/** What is remembered of endpoints at most; those of which nothing bad is known are forgotten first. */
const MAX_REMEMBERED = 8_192

/** How endpoints are chosen. */
export const BALANCING = ['least-outstanding', 'round-robin'] as const
export type Balancing = (typeof BALANCING)[number]

/** One endpoint, and what its requests have taught of it. */
export class EndpointUpstream implements Upstream {
  readonly key: string
  /** Requests that were sent there and are not answered. */
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

  /** Whether nothing bad is known and nothing runs. */
  get spotless(): boolean {
    return this.#failures === 0 && this.outstanding === 0
  }

  /** Whether it is passed over at this moment (of the monotonic clock). */
  ejected(nowMs?: number): boolean {
    return this.#ejectedUntilMs !== 0 && (nowMs ?? performance.now()) < this.#ejectedUntilMs
  }

  succeeded(): void {
    if (this.#failures === 0) return
    this.#failures = 0
    this.#ejections = 0
    this.#ejectedUntilMs = 0
  }

  /** It could not be reached, or closed before it answered. An answer of 5xx is an answer. */
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
  /** Undefined where all have the same. */
  readonly weights: Weights | undefined
  next: number
}

/**
 * Whom to ask of an environment's endpoints: of two at random the one with fewer requests under way, so that a
 * slow one gets less, or each in turn; both by the endpoints' weights. One that fails is passed over for a while,
 * unless all do. What is known of an endpoint outlives the table from which it came.
 */
export class Balancer {
  readonly #balancing: Balancing
  readonly #rotations = new WeakMap<Destination, Rotation>()
  readonly #known = new Map<string, EndpointUpstream>()

  constructor(balancing: Balancing = 'least-outstanding') {
    this.#balancing = balancing
  }

  /** The endpoints to try for one request, in order: at most {@link MAX_TRIES}, none twice. */
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
    // The last one is never given up: better a try that fails than none.
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

/** The index of one of two at random (Mitzenmacher, The Power of Two Choices): the one with less to do. */
function leastOfTwo(upstreams: readonly EndpointUpstream[]): number {
  const one = Math.floor(Math.random() * upstreams.length)
  const step = 1 + Math.floor(Math.random() * (upstreams.length - 1))
  return lesser(upstreams, one, (one + step) % upstreams.length, undefined)
}

/** The one of two places with less to do, for its weight; the first where both have the same. */
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
