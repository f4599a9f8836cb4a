import type { CircuitLimits } from '@branchline/wire/circuits/circuit'
import type { Problem } from '../../../proxy/problem.ts'

/** The limits of one circuit, and what is left of them. */
export class Allowance {
  #limits: CircuitLimits = {}
  #tokens = 0
  #atMs = 0

  /** Applies other limits. Tokens that are left stay. */
  update(limits: CircuitLimits, nowMs: number): void {
    const before = this.#limits.requestsPerSecond
    const { requestsPerSecond } = limits
    this.#limits = limits
    if (requestsPerSecond === undefined) return
    if (before === undefined) this.#tokens = requestsPerSecond
    else this.#refill(before, nowMs)
    this.#tokens = Math.min(this.#tokens, requestsPerSecond)
    this.#atMs = nowMs
  }

  get connections(): number {
    return this.#limits.connections ?? Number.POSITIVE_INFINITY
  }

  get bodyBytes(): number | undefined {
    return this.#limits.bodyBytes
  }

  get responseMs(): number | undefined {
    return this.#limits.responseMs
  }

  /** Takes one request of the rate. A burst of one second's requests is possible. False if none is left. */
  takeRequest(nowMs: number): boolean {
    const { requestsPerSecond } = this.#limits
    if (requestsPerSecond === undefined) return true
    this.#refill(requestsPerSecond, nowMs)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  /** Whole seconds until a request is possible, at least 1. */
  get retryAfterSeconds(): number {
    const { requestsPerSecond = 1 } = this.#limits
    return Math.max(1, Math.ceil((1 - this.#tokens) / requestsPerSecond))
  }

  #refill(perSecond: number, nowMs: number): void {
    this.#tokens = Math.min(perSecond, this.#tokens + ((nowMs - this.#atMs) / 1_000) * perSecond)
    this.#atMs = nowMs
  }

  /** The reply to a request that exceeds a limit. */
  problem(limit: keyof CircuitLimits): Problem {
    const value = this.#limits[limit] as number
    return {
      ...PROBLEMS[limit](value),
      reason: 'limit',
      type: `limit-${limit.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      members: { limit, value },
      ...(limit === 'requestsPerSecond' && { retryAfterSeconds: this.retryAfterSeconds }),
      ...(limit === 'connections' && { retryAfterSeconds: RETRY_AFTER_SECONDS }),
    }
  }
}

/** Connections end at any time. */
const RETRY_AFTER_SECONDS = 2

type Words = Pick<Problem, 'status' | 'title' | 'detail'>

const PROBLEMS: Readonly<Record<keyof CircuitLimits, (value: number) => Words>> = {
  requestsPerSecond: (value) => ({
    status: 429,
    title: 'Too many requests',
    detail: `This circuit accepts ${value} requests per second (limits.requestsPerSecond): try again.`,
  }),
  connections: (value) => ({
    status: 503,
    title: 'Too many connections',
    detail: `This circuit has reached its limit of ${value} requests and connections at a time (limits.connections): try again.`,
  }),
  bodyBytes: (value) => ({
    status: 413,
    title: 'The body is too large',
    detail: `This circuit accepts bodies of at most ${value} bytes (limits.bodyBytes).`,
  }),
  responseMs: (value) => ({
    status: 504,
    title: 'The response took too long',
    detail: `The app did not respond within ${value} ms, which is the limit of this circuit (limits.responseMs).`,
  }),
}
