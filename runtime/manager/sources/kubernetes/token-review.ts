import { createHash } from 'node:crypto'
import { TOKEN_AUDIENCE } from '@branchline/wire/names'
import { z } from 'zod'
import { KubernetesError } from '../../../kubernetes/errors.ts'
import type { PodIdentity } from '../source.ts'
import type { Api } from '../../../kubernetes/api.ts'

/** How long a result is valid, and how many are remembered and reviewed at once. */
export interface TokenReviewLimits {
  readonly validTtlMs: number
  readonly invalidTtlMs: number
  readonly maxRemembered: number
  readonly maxAtOnce: number
  /** The maximum tokens that wait for their turn. Others are refused and may try again. */
  readonly maxWaiting: number
  /** The maximum length of a token, in characters. */
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
 * The pod to which a token of our audience is bound, in the namespace of its ServiceAccount, by the response to a
 * TokenReview (authentication.k8s.io/v1). Undefined for any other token, such as a person's.
 */
export function identityOf(response: unknown): PodIdentity | undefined {
  const { status } = review.parse(response)
  const pods = status.user?.extra?.[POD_NAME]
  const namespace = SERVICE_ACCOUNT.exec(status.user?.username ?? '')?.[1]
  // An API server that knows no audiences leaves them out. Its verdict is then about its own audience, not ours.
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
 * Asks the API server for the pod of a token, and remembers the result for a short time under the token's hash.
 * It sends one review per token at a time, and a bounded number at once. A bounded number may wait.
 */
export class TokenReviewer {
  readonly #api: Api
  readonly #limits: TokenReviewLimits
  readonly #remembered = new Map<string, Remembered>()
  readonly #pending = new Map<string, Promise<PodIdentity | undefined>>()
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
    let pending = this.#pending.get(hash)
    if (pending === undefined) {
      pending = this.#send(token, hash).finally(() => this.#pending.delete(hash))
      this.#pending.set(hash, pending)
    }
    return await pending
  }

  async #send(token: string, hash: string): Promise<PodIdentity | undefined> {
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
      throw new KubernetesError('token review: too many tokens are waiting, try again later', {
        retryable: true,
      })
    }
    if (this.#running < this.#limits.maxAtOnce) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Passes the place to the token that has waited longest, or frees it. */
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
