import type { Decision, FailureReply, Reply, Route } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { type Problem, problemReply } from '../../../proxy/problem.ts'
import { connectionOf, type VisitorConnection } from './connection.ts'

/** The ACME challenges (RFC 8555, 8.3), which a certificate authority asks for without TLS. */
const CHALLENGES = '/.well-known/acme-challenge/'

export interface GuardOptions {
  /** Returns the port of HTTPS to which requests without TLS are redirected; undefined if they are served. */
  readonly redirectTo: () => number | undefined
  /** Returns the response to an ACME challenge of this token; undefined if it is not ours, and the app may have it. */
  readonly challengeFor?: ((token: string) => Promise<string | undefined>) | undefined
}

/** Returns a route that first refuses or redirects requests that came the wrong way. */
export const guarded =
  (route: Route, options: GuardOptions): Route =>
  (head, client) => {
    const connection = connectionOf(client)
    const reply = wrongWay(head, connection, options)
    if (reply !== undefined) return withFields(reply, connection)
    const challenge = connection.tls === undefined ? challenged(head, options) : undefined
    const decision = challenge?.then((answer) => answer ?? route(head, client)) ?? route(head, client)
    return 'then' in decision
      ? decision.then((decided) => withFields(decided, connection))
      : withFields(decision, connection)
  }

/** A token is base64url (RFC 8555, 8.3). Let's Encrypt sends 43 characters. */
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/

async function challengeReply(answer: Promise<string | undefined>): Promise<Reply | undefined> {
  const body = await answer
  const headers = [['content-type', 'application/octet-stream'], NO_STORE] as const
  return body === undefined ? undefined : { status: 200, headers, body }
}

/** Undefined if the request asks for no challenge. */
function challenged(
  { target, method }: Head,
  { challengeFor }: GuardOptions,
): Promise<Reply | undefined> | undefined {
  if (challengeFor === undefined || method !== 'GET' || !target.startsWith(CHALLENGES)) return undefined
  const token = target.slice(CHALLENGES.length)
  return TOKEN.test(token) ? challengeReply(challengeFor(token)) : undefined
}

/** Returns a failure whose replies have the fields of their connection as well. */
export const guardedFailure =
  (failure: FailureReply): FailureReply =>
  (error, exchange) => {
    const reply = failure(error, exchange)
    return reply === undefined ? undefined : (withFields(reply, connectionOf(exchange.client)) as Reply)
  }

/** Adds the fields of the connection to a reply of ours. Candidates get them from their own edits. */
function withFields(decision: Decision, { fields }: VisitorConnection): Decision {
  if ('candidates' in decision) return decision
  const headers = decision.headers ?? []
  const kept = setsCookie(headers)
    ? [...headers.filter(([name]) => !isCacheControl(name)), NO_STORE]
    : headers
  return kept === headers && fields.length === 0 ? decision : { ...decision, headers: [...kept, ...fields] }
}

/** A cache would hand the cookie of one visitor to another, also in a redirect (308 is kept by default). */
const NO_STORE = ['cache-control', 'no-store'] as const
const isCacheControl = (name: string): boolean => name.toLowerCase() === 'cache-control'
const setsCookie = (headers: NonNullable<Reply['headers']>): boolean =>
  headers.some(([name]) => name.toLowerCase() === 'set-cookie')

function wrongWay(
  head: Head,
  { tls, circuit }: VisitorConnection,
  { redirectTo }: GuardOptions,
): Reply | undefined {
  const { host, target } = head
  const name = /^(\[[^\]]*\]|[^:]*)/.exec(host)?.[1]?.toLowerCase().replace(/\.$/, '') ?? ''
  if (tls !== undefined) {
    return tls.covers(name) ? undefined : problemReply(misdirected(name), head.get('accept'))
  }
  // The port of a circuit speaks what its clients expect there.
  const to = circuit === undefined ? redirectTo() : undefined
  if (to === undefined || name === '' || !target.startsWith('/') || target.startsWith(CHALLENGES))
    return undefined
  const port = to === 443 ? '' : `:${to}`
  return {
    status: 308,
    headers: [
      ['location', `https://${name}${port}${target}`],
      ['cache-control', 'no-store'],
    ],
  }
}

/** RFC 9110, 15.5.20: a client that coalesces connections asks again on one of its own. */
const misdirected = (host: string): Problem => ({
  status: 421,
  reason: 'misdirected',
  title: 'Misdirected request',
  detail: `The certificate of this connection is not valid for ${host.slice(0, 255)}: open another connection.`,
})
