import { createHash } from 'node:crypto'
import { TOKEN_AUDIENCE } from '@branchline/wire/names'
import { z } from 'zod'
import { KubernetesError } from '../../../kubernetes/errors.ts'
import type { PodIdentity } from '../source.ts'
import type { Api } from '../../../kubernetes/api.ts'

/** How long an answer holds, and how much is remembered and asked at once. */
export interface TokenReviewLimits {
  readonly validTtlMs: number
  readonly invalidTtlMs: number
  readonly maxRemembered: number
  readonly maxAtOnce: number
  /** The most that wait for their turn; others are refused, to come again. */
  readonly maxWaiting: number
  /** The longest token that is looked at, in characters. */
  readonly maxTokenLength: number
}

export const DEFAULT_TOKEN_REVIEW_LIMITS: TokenReviewLimits = {
  validTtlMs: 60_000,
  invalidTtlMs: 5_000,
  maxRemembered: 10_000,
  maxAtOnce: 8,
  maxWaiting: 4_096,
  maxTokenLength: 16_384,
}

const PATH = '/apis/authentication.k8s.io/v1/tokenreviews'
const POD_NAME = 'authentication.kubernetes.io/pod-name'
const POD_UID = 'authentication.kubernetes.io/pod-uid'
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):[^:]+$/

const review = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().optional(),
    audiences: z.array(z.string()).optional(),
    user: z
      .looseObject({
        username: z.string().optional(),
        extra: z.record(z.string(), z.array(z.string())).optional(),
      })
      .optional(),
  }),
})

/**
 * Whose token of our audience it is, by an answer to a TokenReview (authentication.k8s.io/v1): the pod's to
 * which it is bound, in the namespace of its ServiceAccount. Undefined for any other token, a person's too.
 */
export function identityOf(answer: unknown): PodIdentity | undefined {
  const { status } = review.parse(answer)
  const pods = status.user?.extra?.[POD_NAME]
  const namespace = SERVICE_ACCOUNT.exec(status.user?.username ?? '')?.[1]
  // An API server that knows no audiences leaves them out: its word is about its own, not about ours.
  const valid = status.authenticated === true && status.audiences?.includes(TOKEN_AUDIENCE) === true
  if (!valid || namespace === undefined || pods?.length !== 1) return undefined
  const uids = status.user?.extra?.[POD_UID]
  return { namespace, pod: pods[0] as string, ...(uids?.length === 1 && { uid: uids[0] as string }) }
}

interface Remembered {
  readonly identity: PodIdentity | undefined
  readonly untilMs: number
}

/**
 * Asks the API server whose a token is, and remembers the answer for a short while under the token's hash.
 * One question a token at a time; a bounded number at once and waiting.
 */
export class TokenReviewer {
  readonly #api: Api
  readonly #limits: TokenReviewLimits
  readonly #remembered = new Map<string, Remembered>()
  readonly #asked = new Map<string, Promise<PodIdentity | undefined>>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(api: Api, limits: TokenReviewLimits = DEFAULT_TOKEN_REVIEW_LIMITS) {
    this.#api = api
    this.#limits = limits
  }

  async review(token: string): Promise<PodIdentity | undefined> {
    if (token === '' || token.length > this.#limits.maxTokenLength) return undefined
    const hash = createHash('sha256').update(token).digest('base64')
    const remembered = this.#remembered.get(hash)
    if (remembered !== undefined && performance.now() < remembered.untilMs) return remembered.identity
    let asked = this.#asked.get(hash)
    if (asked === undefined) {
      asked = this.#ask(token, hash).finally(() => this.#asked.delete(hash))
      this.#asked.set(hash, asked)
    }
    return await asked
  }

  async #ask(token: string, hash: string): Promise<PodIdentity | undefined> {
    await this.#turn()
    try {
      const spec = { token, audiences: [TOKEN_AUDIENCE] }
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec }
      const identity = identityOf(await this.#api.request({ method: 'POST', path: PATH, body }))
      this.#remember(hash, identity)
      return identity
    } finally {
      this.#next()
    }
  }

  async #turn(): Promise<void> {
    if (this.#waiting.length >= this.#limits.maxWaiting) {
      throw new KubernetesError('token review: too many are waiting, come again', { retryable: true })
    }
    if (this.#running < this.#limits.maxAtOnce) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Hands the place over to who waits longest, else frees it. */
  #next(): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#running--
    else waiting()
  }

  #remember(hash: string, identity: PodIdentity | undefined): void {
    const { validTtlMs, invalidTtlMs, maxRemembered } = this.#limits
    const untilMs = performance.now() + (identity === undefined ? invalidTtlMs : validTtlMs)
    this.#remembered.delete(hash)
    this.#remembered.set(hash, { identity, untilMs })
    if (this.#remembered.size <= maxRemembered) return
    const [oldest] = this.#remembered.keys()
    this.#remembered.delete(oldest as string)
  }
}
