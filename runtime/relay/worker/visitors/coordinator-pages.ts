import type { Duplex } from 'node:stream'
import { ENTER_FORM_BYTES, isCoordinatorPage, VISITOR_HEADER } from '@branchline/wire/circuits/handoff'
import type { Decision, Forward, HeadEdits, Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import type { Upstream } from '../../../transport/transport.ts'
import * as refusals from '../access/refusals.ts'
import { refuse } from '../access/refusals.ts'
import { coordinatorUpstream } from './coordinator-upstream.ts'
import { type CoordinatorPageLimits, DEFAULT_COORDINATOR_PAGE_LIMITS } from './limits.ts'

export interface CoordinatorPagesOptions {
  /** The URLs of coordinators. */
  readonly coordinators: readonly string[]
  /** The one to which the worker is connected, or will connect next: it is tried first. */
  readonly current: () => string
  readonly connect?: ((url: string) => Duplex | undefined) | undefined
  /** The worker's credential. Undefined while it has none. */
  readonly credential: () => string | undefined
  readonly limits?: Partial<CoordinatorPageLimits>
}

/**
 * The pages of the relay's own host that only coordinators have, such as the one at which browsers get access. Requests
 * pass through to a coordinator, with the address of the visitor, whose failures the coordinator counts.
 */
export class CoordinatorPages {
  readonly #options: CoordinatorPagesOptions
  readonly #limits: CoordinatorPageLimits
  readonly #upstreams: ReadonlyMap<string, Upstream>
  readonly #running = new Set<Decision>()

  constructor(options: CoordinatorPagesOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_COORDINATOR_PAGE_LIMITS, ...options.limits }
    const { coordinators, connect } = options
    this.#upstreams = new Map(coordinators.map((url) => [url, coordinatorUpstream(url, connect)]))
  }

  has({ target }: Head): boolean {
    return isCoordinatorPage(target)
  }

  route(head: Head, address: string | undefined): Decision {
    if (!METHODS.includes(head.method) || head.get('upgrade') !== undefined)
      return refuse(refusals.methodRefused(METHODS.join(', ')), head, [['allow', METHODS.join(', ')]])
    const credential = this.#options.credential()
    if (credential === undefined || this.#running.size >= this.#limits.running) return this.failure(head)
    const edits = editsFor(credential, address)
    const { waits } = this.#limits
    const forward: Forward = {
      candidates: this.#ordered().map((upstream) => ({ upstream, speaks: 'http1', edits, waits })),
      bodyBytes: ENTER_FORM_BYTES,
    }
    this.#running.add(forward)
    return forward
  }

  /** A request is over. */
  done(decision: Decision): void {
    this.#running.delete(decision)
  }

  /** The response if no coordinator responds. */
  failure(head: Head): Reply {
    return refuse(refusals.noCoordinator, head)
  }

  #ordered(): Upstream[] {
    const first = this.#upstreams.get(this.#options.current())
    const others = [...this.#upstreams.values()].filter((upstream) => upstream !== first)
    return first === undefined ? others : [first, ...others]
  }
}

const METHODS = ['GET', 'HEAD', 'POST']

/** Cookies and credentials of the domain belong to other servers of it. */
const editsFor = (credential: string, address: string | undefined): HeadEdits => ({
  remove: ['cookie', VISITOR_HEADER],
  set: [
    ['authorization', `Bearer ${credential}`],
    ...(address === undefined ? [] : [[VISITOR_HEADER, address] as const]),
  ],
})
