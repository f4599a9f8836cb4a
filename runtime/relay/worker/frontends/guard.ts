import type { Decision, FailureReply, Reply, Route } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { type Problem, problemReply } from '../../../proxy/problem.ts'
import { connectionOf, type VisitorConnection } from './connection.ts'

/** The ACME challenges (RFC 8555, 8.3), which a certificate authority asks for without TLS. */
const CHALLENGES = '/.well-known/acme-challenge/'

export interface GuardOptions {
  /** Returns the port of HTTPS to which requests without TLS are redirected; undefined if they are served. */
  readonly redirectTo: () => number | undefined
}

/** Returns a route that first refuses or redirects requests that came the wrong way. */
export const guarded =
  (route: Route, options: GuardOptions): Route =>
  (head, client) => {
    const connection = connectionOf(client)
    const reply = wrongWay(head, connection, options)
    if (reply !== undefined) return withFields(reply, connection)
    const decision = route(head, client)
    if (connection.fields.length === 0) return decision
    return 'then' in decision
      ? decision.then((decided) => withFields(decided, connection))
      : withFields(decision, connection)
  }

/** Returns a failure whose replies have the fields of their connection as well. */
export const guardedFailure =
  (failure: FailureReply): FailureReply =>
  (error, exchange) => {
    const reply = failure(error, exchange)
    return reply === undefined ? undefined : (withFields(reply, connectionOf(exchange.client)) as Reply)
  }

/** Candidates get these fields from their own edits. */
const withFields = (decision: Decision, { fields }: VisitorConnection): Decision =>
  'candidates' in decision || fields.length === 0
    ? decision
    : { ...decision, headers: [...(decision.headers ?? []), ...fields] }

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
