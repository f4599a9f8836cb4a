import { ENTER_FORM_BYTES, readEnter } from '@branchline/wire/circuits/handoff'
import { refusal } from '@branchline/wire/circuits/problem'
import { preferredType } from '../../../page/formats.ts'
import { enter } from '../access/enter.ts'
import { enterHeaders, enterPage } from '../access/enter-page.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import type { Authenticator } from './authenticate.ts'
import { readBody } from './body.ts'
import { WaitError } from './errors.ts'
import type { ApiServices } from './services.ts'

/**
 * The page `/-/enter` of the relay's own host: GET shows a form, POST takes the token and sends the browser back. Workers
 * pass the requests of visitors on to it. `peer` is the address of the connection.
 */
export async function serveEnter(
  { context, limits }: ApiServices,
  authenticator: Authenticator,
  request: Request,
  peer: string,
): Promise<Response> {
  const url = new URL(request.url)
  const asked = readEnter(url.searchParams)
  if (asked === undefined) {
    throw refusal('invalid-request', {
      detail: 'The link is not complete.',
      remedy: 'Open the address of the circuit again.',
    })
  }
  const show = (failed: boolean): Response =>
    new Response(enterPage({ host: asked.host, search: url.search, failed }), {
      status: failed ? 403 : 200,
      headers: enterHeaders(asked.host),
    })
  if (request.method !== 'POST') return show(false)
  const token = tokenOf(await readBody(request, { ...limits, bodyBytes: ENTER_FORM_BYTES }))
  const hash = hashOf(token)
  const { failures } = authenticator
  const address = await authenticator.visitorOf(request, peer)
  const waitSeconds = failures.waitSeconds(address, hash, Date.now())
  if (waitSeconds > 0) throw new WaitError(waitSeconds)
  const location = await enter(context, asked, token)
  if (location !== undefined) {
    failures.succeeded(hash)
    return new Response(null, {
      status: 303,
      headers: { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' },
    })
  }
  failures.failed(address, hash, Date.now())
  const accept = request.headers.get('accept') ?? undefined
  if (preferredType(accept, ['application/json', 'text/html']) === 'text/html') return show(true)
  throw refusal('forbidden', { detail: 'The token does not open the circuit.' })
}

/** The token of a form. It is never in the query, because addresses are logged. */
const tokenOf = (body: Buffer): string =>
  (new URLSearchParams(body.toString('latin1')).get('token') ?? '').trim().slice(0, 512)
