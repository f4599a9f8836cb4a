import { isIP } from 'node:net'
import { VISITOR_HEADER } from '@branchline/wire/circuits/handoff'
import type { Operation, Requirement } from '@branchline/wire/circuits/operations/operation'
import { refusal } from '@branchline/wire/circuits/problem'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import { addressGroup } from '../../../process/address-group.ts'
import { type CallerKey, findCaller } from '../access/keys.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { isJoinToken } from '../access/join-tokens.ts'
import { findWorker } from '../access/workers.ts'
import { hasScope } from '../circuits/caller.ts'
import type { Store } from '../store/store.ts'
import { WaitError } from './errors.ts'
import type { ApiCounts } from './counts.ts'
import { Failures } from './failures.ts'
import type { ApiLimits } from './limits.ts'

/** Who sends a request. */
export interface Authenticated {
  /** Undefined for operations that need no API key. */
  readonly caller: CallerKey | undefined
  readonly token: string
}

/** Finds out who sends a request, and whether it may. */
export class Authenticator {
  readonly #store: Store
  readonly failures: Failures

  constructor(store: Store, limits: ApiLimits, counts?: ApiCounts) {
    this.#store = store
    this.failures = new Failures(limits, counts)
  }

  /** Throws refusals: 401, 403, and 429 for an address that has sent too many wrong credentials. */
  async authenticate({ needs }: Operation, request: Request, address: string): Promise<Authenticated> {
    if (needs === 'none') return { caller: undefined, token: '' }
    const token = bearerOf(request)
    if (token === undefined) throw noCredential(needs)
    if (needs === 'join-token') {
      await this.#checkJoinToken(token, address)
      return { caller: undefined, token }
    }
    const caller = await this.#identify(token, address)
    if (needs !== 'any' && !hasScope(caller, needs)) {
      throw refusal('missing-scope', {
        detail: `The operation needs the scope ${needs}.`,
        remedy: 'Use a key that has it, or have an admin create one.',
      })
    }
    return { caller, token }
  }

  /**
   * The address for which a request counts: that of the visitor whose request a worker passes on, or that of the peer
   * itself if it has no credential of a worker.
   */
  async visitorOf(request: Request, peer: string): Promise<string> {
    const visitor = request.headers.get(VISITOR_HEADER)
    const token = bearerOf(request)
    if (visitor === null || token?.startsWith(TOKEN_PREFIX.worker) !== true) return peer
    const hash = hashOf(token)
    if (this.failures.waitSeconds(peer, hash, Date.now()) > 0) return peer
    if ((await findWorker(this.#store, hash)) === undefined) {
      this.failures.failed(peer, hash, Date.now())
      return peer
    }
    this.failures.succeeded(hash)
    return isIP(visitor) === 0 ? peer : addressGroup(visitor)
  }

  /** Keeps wrong tokens from changes, which wait for each other. The change that uses a token up checks it again. */
  async #checkJoinToken(token: string, address: string): Promise<void> {
    if (!token.startsWith(TOKEN_PREFIX.join)) throw noCredential('join-token')
    const hash = hashOf(token)
    const waitSeconds = this.failures.waitSeconds(address, hash, Date.now())
    if (waitSeconds > 0) throw new WaitError(waitSeconds)
    if (await isJoinToken(this.#store, token)) return
    this.failures.failed(address, hash, Date.now())
    throw noCredential('join-token')
  }

  async #identify(token: string, address: string): Promise<CallerKey> {
    const hash = hashOf(token)
    const waitSeconds = this.failures.waitSeconds(address, hash, Date.now())
    if (waitSeconds > 0) throw new WaitError(waitSeconds)
    const caller = await findCaller(this.#store, token, Date.now())
    if (caller === undefined) {
      this.failures.failed(address, hash, Date.now())
      throw noCredential('any')
    }
    this.failures.succeeded(hash)
    return caller
  }
}

/** The bearer token of a request (RFC 6750, 2.1). */
function bearerOf(request: Request): string | undefined {
  return /^Bearer +([!-~]{1,512})$/i.exec(request.headers.get('authorization') ?? '')?.[1]
}

const noCredential = (needs: Requirement): Error =>
  refusal('unauthorized', {
    detail:
      needs === 'join-token'
        ? 'The operation needs a valid join token.'
        : 'The operation needs a valid API key.',
    remedy:
      needs === 'join-token'
        ? 'Send Authorization: Bearer blj_…; an admin creates one with POST /api/v1/join-tokens.'
        : 'Send Authorization: Bearer blk_…. The key may have expired or been revoked.',
  })
