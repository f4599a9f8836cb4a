import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { Reply } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { type Problem, problemReply } from '../../../proxy/problem.ts'
import { preferredType } from '../../../page/formats.ts'
import { withCors } from './cors.ts'

/** A problem as a reply, with CORS fields and further fields. */
export function refuse(
  problem: Problem,
  head: Head,
  fields: readonly (readonly [string, string])[] = [],
): Reply {
  const reply = problemReply(problem, head.get('accept'))
  return withCors({ ...reply, headers: [...(reply.headers ?? []), ...fields] }, head)
}

/** Whether the client prefers a page. API clients, and clients without a preference, do not. */
export const wantsPage = (head: Head): boolean =>
  preferredType(head.get('accept'), [
    'application/problem+json',
    'application/json',
    'text/plain',
    'text/html',
  ]) === 'text/html'

/** Whether a browser opens this request as a page of its own, so that it can be sent elsewhere and come back. */
export function isNavigation(head: Head): boolean {
  if ((head.method !== 'GET' && head.method !== 'HEAD') || head.get('upgrade') !== undefined) return false
  if (!wantsPage(head) || head.get('x-requested-with') !== undefined) return false
  const mode = head.get('sec-fetch-mode')
  // Browsers send these fields only to origins that they trust, such as https.
  return mode === undefined ? true : mode === 'navigate' && head.get('sec-fetch-dest') === 'document'
}

const nameOf = ({ key }: Pick<DeployedCircuit, 'key'>): string => key

export const addressRefused = (
  circuit: Pick<DeployedCircuit, 'key'>,
  address: string | undefined,
): Problem => ({
  status: 403,
  reason: 'address',
  title: 'Not from this address',
  detail: `The circuit ${nameOf(circuit)} accepts only certain addresses, and yours (${address ?? 'unknown'}) is not one of them.`,
})

export const notSignedIn = (
  circuit: Pick<DeployedCircuit, 'key' | 'access'>,
  hadToken: boolean,
): Problem => ({
  status: 401,
  reason: hadToken ? 'token' : 'access',
  type: 'access',
  title: 'Access needed',
  detail: hadToken
    ? `The token does not open the circuit ${nameOf(circuit)}: it is unknown, has expired or is for other circuits.`
    : `The circuit ${nameOf(circuit)} is not public (access: ${circuit.access.type}). Send an access token as "Authorization: Bearer blc_…" or in the field x-branchline-token.`,
})

export const tooManyFailures = (waitMs: number): Problem => ({
  status: 429,
  reason: 'failed-tokens',
  title: 'Too many failed tokens',
  detail: 'Your address has sent too many tokens or codes that are not valid. Wait, then try again.',
  retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
})

export const foreignOrigin = (origin: string | undefined): Problem => ({
  status: 403,
  reason: 'origin',
  title: 'Not from this page',
  detail: `A page of ${origin?.slice(0, 255) ?? 'an unknown origin'} may not open a WebSocket here with your cookie. Send an access token instead.`,
})

export const severalSessions: Problem = {
  status: 400,
  reason: 'several-sessions',
  title: 'Several sessions',
  detail:
    'Your browser sent several valid cookies of the relay for this host, which another host may have set. Delete the cookies named branchline, then open the page again.',
}

export const badState: Problem = {
  status: 400,
  reason: 'state',
  title: 'Not the browser that began',
  detail:
    'This link belongs to another browser, is older than ten minutes, or your browser accepts no cookies. Open the page again from the start.',
}

export const badCode = (refusal: string): Problem => ({
  status: 400,
  reason: 'code',
  title: 'The code is not valid',
  detail: `${refusal} Codes work once, within 60 seconds, on one host. Open the page again from the start.`,
})

export const noCoordinator: Problem = {
  status: 503,
  reason: 'coordinator',
  title: 'Access cannot be checked now',
  detail: 'The relay cannot reach its coordinator. Those who have access keep it. Try again in a moment.',
  retryAfterSeconds: 5,
}

export const noSuchPath: Problem = {
  status: 404,
  reason: 'path',
  title: 'Not found',
  detail: 'Paths below /-branchline/ belong to the relay, and it has none of this name.',
}

export const methodRefused = (allowed: string): Problem => ({
  status: 405,
  reason: 'method',
  title: 'Method not allowed',
  detail: `This path accepts ${allowed}.`,
})
