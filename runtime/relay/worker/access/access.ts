import { ACCESS_HEADER } from '@branchline/wire/circuits/handoff'
import type { DeployedCircuit, WorkerTable } from '@branchline/wire/circuits/table'
import type { Decision, HeadEdits, Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { AllowLists } from './allow-list.ts'
import { FailedAttempts } from './attempts.ts'
import { cookieNames, readCookies, type SentCookies } from './cookies.ts'
import { isPreflight } from './cors.ts'
import { Credentials } from './credentials.ts'
import { isExempt, isOwnPath } from './exempt.ts'
import { type AccessClient, Handoff, type HandoffOptions } from './handoff.ts'
import { type AccessLimits, DEFAULT_ACCESS_LIMITS } from './limits.ts'
import * as refusals from './refusals.ts'
import { isNavigation, refuse } from './refusals.ts'
import { Sessions } from './sessions.ts'
import { readTokens, type SentTokens } from './tokens.ts'

export interface AccessOptions extends Pick<HandoffOptions, 'relayUrl' | 'redeem' | 'end'> {
  /** The current table. Tables are immutable. */
  readonly table: () => Pick<WorkerTable, 'credentials' | 'sessions'>
  readonly limits?: Partial<AccessLimits>
  /** Milliseconds since the epoch. Default: `Date.now`. */
  readonly now?: () => number
}

/** The verdict about a request: a reply of the relay, or what to change in a request that may pass. */
export type Verdict =
  | { readonly decision: Decision | Promise<Decision> }
  | {
      readonly decision?: undefined
      /** Removes our cookies and tokens. Apply them in addition to other edits. */
      readonly edits: HeadEdits
      /** Keeps shared caches from storing responses of a circuit that is not public. */
      readonly responseEdits?: HeadEdits
    }

/** Decides who may use a circuit (docs/decisions, 0103 and 0104). */
export class Access {
  readonly #lists = new AllowLists()
  readonly #attempts: FailedAttempts
  readonly #credentials: Credentials
  readonly #sessions: Sessions
  readonly #handoff: Handoff
  readonly #now: () => number

  constructor(options: AccessOptions) {
    const limits = { ...DEFAULT_ACCESS_LIMITS, ...options.limits }
    const { table, now = Date.now } = options
    this.#now = now
    this.#attempts = new FailedAttempts(limits, now)
    this.#credentials = new Credentials(table)
    this.#sessions = new Sessions(table, limits)
    const { relayUrl, redeem, end } = options
    this.#handoff = new Handoff({
      relayUrl,
      redeem,
      end,
      sessions: this.#sessions,
      attempts: this.#attempts,
      limits,
      now,
    })
  }

  /** The sessions that browsers have left, and the table still contains: the coordinator does not know yet. */
  get leaving(): string[] {
    return this.#sessions.leaving
  }

  /** Whether a connection to a port circuit may pass: its allow-list alone decides. */
  admits({ access }: Pick<DeployedCircuit, 'access'>, address: string | undefined): boolean {
    return this.#lists.admits(access, address)
  }

  /** Decides about a request, before limits and balancing. */
  check(circuit: DeployedCircuit, head: Head, client: AccessClient): Verdict {
    const { access } = circuit
    if (!this.#lists.admits(access, client.address))
      return { decision: refuse(refusals.addressRefused(circuit, client.address), head) }
    if (isOwnPath(head.target)) return { decision: this.#handoff.route(circuit, head, client) }
    const tokens = readTokens(head)
    const cookies = readCookies(head)
    const edits = editsOf(tokens, cookies)
    if (access.type === 'public') return { edits }
    if (isPreflight(head)) return pass(edits, METHOD_OVERRIDES)
    if (access.exempt !== undefined && isExempt(head.target, access.exempt))
      return pass(edits, PATH_OVERRIDES)
    return this.#judge({ circuit, head, client, tokens, cookies, edits })
  }

  /**
   * Decides about a connection for `circuit forward`: a token is required unless the circuit is public. Returns
   * the reply that refuses it, or undefined.
   */
  refuseTunnel(circuit: DeployedCircuit, head: Head, client: AccessClient): Reply | undefined {
    if (!this.#lists.admits(circuit.access, client.address))
      return refuse(refusals.addressRefused(circuit, client.address), head)
    if (circuit.access.type === 'public') return undefined
    const { values } = readTokens(head)
    const waitMs = values.length === 0 ? 0 : this.#attempts.waitMs(client.address)
    if (waitMs > 0) return refuse(refusals.tooManyFailures(waitMs), head)
    if (this.#credentials.opens(circuit, values, this.#now()) !== undefined) return undefined
    if (values.length > 0) this.#attempts.failed(client.address)
    return refuse(refusals.notSignedIn(circuit, values.length > 0), head, [
      ['www-authenticate', 'Bearer realm="branchline"'],
    ])
  }

  #judge(request: Judged): Verdict {
    const { circuit, head, client, tokens, edits } = request
    const hasToken = tokens.values.length > 0
    if (hasToken) {
      const waitMs = this.#attempts.waitMs(client.address)
      if (waitMs > 0) return { decision: refuse(refusals.tooManyFailures(waitMs), head) }
      if (this.#credentials.opens(circuit, tokens.values, this.#now()) !== undefined)
        return this.#passByToken(request)
      this.#attempts.failed(client.address)
    }
    const bySession = this.#bySession(request)
    if (bySession === 'pass') return pass(edits)
    const decision =
      bySession ?? this.#handoff.begin(circuit, head, client, tokens.target ?? head.target, hasToken)
    return { decision }
  }

  /** A browser gets a cookie for the token in its link. All other clients pass. */
  #passByToken({ circuit, head, client, tokens, edits }: Judged): Verdict {
    const { inQuery, target } = tokens
    if (inQuery === undefined || target === undefined || !isNavigation(head)) return pass(edits)
    return { decision: this.#handoff.enterByToken(circuit, head, client, { token: inQuery, target }) }
  }

  /** Undefined if the request has no session. */
  #bySession({ circuit, head, client, cookies }: Judged): Reply | 'pass' | undefined {
    const values = cookies.values(cookieNames(circuit, client.secure).session)
    const sessions = this.#sessions.find(circuit.id, values, this.#now())
    if (sessions.length === 0) return undefined
    if (sessions.length > 1) return refuse(refusals.severalSessions, head)
    const origin = head.get('origin')
    const isForeign =
      head.get('upgrade') !== undefined && origin !== undefined && !isSameHost(origin, head.host)
    return isForeign ? refuse(refusals.foreignOrigin(origin), head) : 'pass'
  }
}

interface Judged {
  readonly circuit: DeployedCircuit
  readonly head: Head
  readonly client: AccessClient
  readonly tokens: SentTokens
  readonly cookies: SentCookies
  readonly edits: HeadEdits
}

/** Whether an Origin names the host of the request. `null`, of sandboxed pages, does not. */
function isSameHost(origin: string, host: string): boolean {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  // Drops the scheme's default port.
  const own = `${url.protocol}//${host}`
  return URL.canParse(own) && new URL(own).host === url.host
}

/** Fields from which some frameworks take another path (CVE-2018-14773), which would open what is not exempt. */
const PATH_OVERRIDES = [
  'x-original-url',
  'x-rewrite-url',
  'x-original-uri',
  'x-forwarded-uri',
  'x-forwarded-prefix',
]
/** Fields from which some frameworks take another method, which would turn a preflight into another request. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override']

const OWN_FIELDS: HeadEdits = { remove: [ACCESS_HEADER] }

/** Responses of a circuit that is not public are no responses for shared caches (RFC 9213, Varnish and nginx). */
const PRIVATE: HeadEdits = {
  set: [
    ['cdn-cache-control', 'no-store'],
    ['surrogate-control', 'no-store'],
    ['x-accel-expires', '0'],
  ],
}

const pass = (edits: HeadEdits, remove?: readonly string[]): Verdict => ({
  edits: remove === undefined ? edits : { ...edits, remove: [...(edits.remove ?? []), ...remove] },
  responseEdits: PRIVATE,
})

/** The edits that remove our cookies and tokens from a request. */
function editsOf({ authorization, target }: SentTokens, { kept }: SentCookies): HeadEdits {
  if (authorization === undefined && target === undefined && kept === undefined) return OWN_FIELDS
  const fields = (name: string, values: readonly string[] | undefined): (readonly [string, string])[] =>
    (values ?? []).map((value) => [name, value] as const)
  return {
    remove: [
      ACCESS_HEADER,
      ...(authorization === undefined ? [] : ['authorization']),
      ...(kept === undefined ? [] : ['cookie']),
    ],
    set: [...fields('authorization', authorization), ...fields('cookie', kept)],
    ...(target !== undefined && { target }),
  }
}
