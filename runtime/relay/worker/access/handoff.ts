import {
  CIRCUIT_PATHS,
  type ComeBack,
  enterUrl,
  localPath,
  readComeBack,
} from '@branchline/wire/circuits/handoff'
import type { DeployedCircuit, DeployedSession } from '@branchline/wire/circuits/table'
import type { Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { BRAND } from '../../../page/brand.ts'
import { html } from '../../../page/html.ts'
import { page, PAGE_HEADERS } from '../../../page/page.ts'
import type { FailedAttempts } from './attempts.ts'
import { type CookieNames, cookieNames, readCookies, setCookie } from './cookies.ts'
import { hashOf, newSecret } from '@branchline/wire/circuits/secret'
import type { AccessLimits } from './limits.ts'
import * as refusals from './refusals.ts'
import { isNavigation, refuse, wantsPage } from './refusals.ts'
import type { Sessions } from './sessions.ts'

/** The client of a request, as the listener knows it: behind a trusted proxy, the client of that proxy. */
export interface AccessClient {
  readonly address: string | undefined
  /** Whether the client's connection uses TLS. */
  readonly secure: boolean
}

/** The coordinator's answer to a code: the session, or a sentence that says why there is none. */
export type Redeemed = { readonly session: DeployedSession } | { readonly refusal: string }

/**
 * Exchanges a one-time code, or an access token from a link, for a session of the cookie with this hash. `host` is the
 * host name that the browser opened. Rejects if the coordinator cannot be reached.
 */
export type Redeem = (code: string, host: string, hash: string) => Promise<Redeemed>

export interface HandoffOptions {
  /** The public URL of the relay's own host. */
  readonly relayUrl: string
  readonly redeem: Redeem
  /** Has the coordinator end a session, by the hash of its cookie. Default: it ends at this worker only. */
  readonly end?: ((hash: string) => void) | undefined
  readonly sessions: Sessions
  readonly attempts: FailedAttempts
  readonly limits: AccessLimits
  readonly now: () => number
}

/** A browser that gets a cookie, and where it goes then. */
interface Admitted {
  readonly names: CookieNames
  readonly cookie: string
  readonly returnTo: string
}

type Fields = (readonly [name: string, value: string])[]

/** Sends browsers to the relay's own host, and exchanges the code with which they come back for a cookie. */
export class Handoff {
  readonly #options: HandoffOptions
  #redeeming = 0

  constructor(options: HandoffOptions) {
    this.#options = options
  }

  /** Refuses a client without access: sends a browser to the relay's own host, and tells other clients what to send. */
  begin(
    circuit: DeployedCircuit,
    head: Head,
    client: AccessClient,
    target: string,
    hadToken: boolean,
  ): Reply {
    const problem = refusals.notSignedIn(circuit, hadToken)
    const challenge: Fields = [['www-authenticate', 'Bearer realm="branchline"']]
    if (!wantsPage(head)) return refuse(problem, head, challenge)
    const names = cookieNames(circuit, client.secure)
    // A browser with several tabs keeps one state, so that each of them comes back.
    const [state = newSecret()] = readCookies(head).values(names.state)
    const url = enterUrl(this.#options.relayUrl, {
      circuit: circuit.id,
      host: hostNameOf(head.host),
      returnTo: head.method === 'GET' || head.method === 'HEAD' ? localPath(target) : '/',
      state: stateOf(state),
    })
    const cookie = ['set-cookie', this.#stateCookie(names, state)] as const
    if (isNavigation(head)) return redirect(302, url, [cookie])
    return refuse({ ...problem, link: { url, text: 'Get access' } }, head, [...challenge, cookie])
  }

  /** Answers a request for one of the relay's own paths on a circuit's host. */
  route(circuit: DeployedCircuit, head: Head, client: AccessClient): Reply | Promise<Reply> {
    const [path = '', query = ''] = head.target.split('?', 2)
    if (path === CIRCUIT_PATHS.enter) {
      if (head.method !== 'GET') return refuse(refusals.methodRefused('GET'), head, [['allow', 'GET']])
      return this.#enter(circuit, head, client, readComeBack(new URLSearchParams(query)))
    }
    if (path === CIRCUIT_PATHS.leave) return this.#leave(circuit, head, client)
    return refuse(refusals.noSuchPath, head)
  }

  /** Gives a browser a cookie for the token in its link, and removes the token from its address. */
  async enterByToken(
    circuit: DeployedCircuit,
    head: Head,
    client: AccessClient,
    link: { token: string; target: string },
  ): Promise<Reply> {
    const names = cookieNames(circuit, client.secure)
    const returnTo = localPath(link.target)
    const sent = readCookies(head).values(names.session)
    if (this.#options.sessions.find(circuit.id, sent, this.#options.now()).length > 0)
      return redirect(302, returnTo)
    const cookie = newSecret()
    const result = await this.#redeem(link.token, hostNameOf(head.host), hashOf(cookie))
    if (result === undefined) return refuse(refusals.noCoordinator, head)
    // The token is valid here, so the coordinator only does not take tokens: its page does.
    return 'session' in result
      ? this.#admit(circuit, head, { names, cookie, returnTo }, result.session)
      : this.begin(circuit, head, client, link.target, false)
  }

  #enter(
    circuit: DeployedCircuit,
    head: Head,
    client: AccessClient,
    sent: ComeBack | undefined,
  ): Reply | Promise<Reply> {
    const { attempts } = this.#options
    const waitMs = attempts.waitMs(client.address)
    if (waitMs > 0) return refuse(refusals.tooManyFailures(waitMs), head)
    const states = readCookies(head).values(cookieNames(circuit, client.secure).state)
    if (sent === undefined || !states.some((state) => stateOf(state) === sent.state))
      return refuse({ ...refusals.badState, link: { url: sent?.returnTo ?? '/', text: 'Start again' } }, head)
    return this.#exchange(circuit, head, client, sent)
  }

  async #exchange(
    circuit: DeployedCircuit,
    head: Head,
    client: AccessClient,
    { code, returnTo }: Pick<ComeBack, 'code' | 'returnTo'>,
  ): Promise<Reply> {
    const { attempts } = this.#options
    const names = cookieNames(circuit, client.secure)
    const cookie = newSecret()
    const result = await this.#redeem(code, hostNameOf(head.host), hashOf(cookie))
    if (result === undefined) return refuse(refusals.noCoordinator, head)
    if ('refusal' in result) {
      attempts.failed(client.address)
      return refuse(
        { ...refusals.badCode(result.refusal), link: { url: returnTo, text: 'Start again' } },
        head,
      )
    }
    return this.#admit(circuit, head, { names, cookie, returnTo }, result.session)
  }

  /** Gives a browser the cookie of its new session. */
  #admit(
    circuit: DeployedCircuit,
    head: Head,
    { names, cookie, returnTo }: Admitted,
    session: DeployedSession,
  ): Reply {
    const { sessions, now } = this.#options
    const leftMs = session.expiresAtMs - now()
    // A session of another circuit would be a fault of the coordinator.
    if (session.circuit !== circuit.id || session.hash !== hashOf(cookie) || leftMs <= 0)
      return refuse(refusals.badCode('The code is for another circuit.'), head)
    sessions.created(session, now())
    return redirect(303, returnTo, [
      ['set-cookie', setCookie(names.session, cookie, leftMs / 1_000, names.secure)],
      ['set-cookie', setCookie(names.state, '', 0, names.secure)],
    ])
  }

  /** Undefined if the coordinator cannot be reached in time. */
  async #redeem(code: string, host: string, hash: string): Promise<Redeemed | undefined> {
    const { redeem, limits } = this.#options
    if (this.#redeeming >= limits.redeeming) return undefined
    this.#redeeming++
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), limits.redeemMs)
    try {
      return await Promise.race([redeem(code, host, hash), late])
    } catch {
      return undefined
    } finally {
      clearTimeout(timer)
      this.#redeeming--
    }
  }

  #leave(circuit: DeployedCircuit, head: Head, client: AccessClient): Reply {
    if (head.method !== 'GET' && head.method !== 'POST')
      return refuse(refusals.methodRefused('GET and POST'), head, [['allow', 'GET, POST']])
    // A page of another site must not sign visitors out.
    if (head.get('sec-fetch-site') === 'cross-site')
      return refuse(refusals.foreignOrigin(head.get('origin')), head)
    const { sessions, end, now } = this.#options
    const names = cookieNames(circuit, client.secure)
    for (const { hash } of sessions.find(circuit.id, readCookies(head).values(names.session), now())) {
      sessions.ended(hash)
      end?.(hash)
    }
    const body = html`<main class="card">
      ${BRAND}
      <h1>You have left</h1>
      <p class="lead">This browser no longer has access to this host.</p>
      <p><a href="/">Open it again</a></p>
    </main>`
    return {
      status: 200,
      headers: [
        ['content-type', 'text/html; charset=utf-8'],
        ...PAGE_HEADERS,
        ['set-cookie', setCookie(names.session, '', 0, names.secure)],
      ],
      body: page({ title: 'You have left', body }),
    }
  }

  #stateCookie({ state, secure }: CookieNames, value: string): string {
    return setCookie(state, value, this.#options.limits.stateMs / 1_000, secure)
  }
}

/** What the relay's own host passes back. The browser keeps the secret behind it in a cookie. */
const stateOf = (secret: string): string =>
  Buffer.from(hashOf(`branchline-state:${secret}`), 'hex').toString('base64url')

/** A redirect that no cache stores, and after which no page learns the address that was left. */
const redirect = (status: 302 | 303, location: string, fields: Fields = []): Reply => ({
  status,
  headers: [
    ['location', location],
    ['cache-control', 'no-store'],
    ['referrer-policy', 'no-referrer'],
    ...fields,
  ],
})

/** The host name of an authority, in lower case, without its port and a trailing dot. */
const hostNameOf = (authority: string): string =>
  authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
