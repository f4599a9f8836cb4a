import type { Reply } from '../../proxy/decision.ts'

// Not by `import`, which loads undici, too (runtime/http1/reply.ts).
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Why nobody answered, in a word that programs may branch on. */
export type UnavailableReason =
  | 'no-endpoint'
  | 'unreachable'
  | 'closed'
  | 'timeout'
  | 'bad-response'
  | 'too-large'

/** A request that nobody could answer. */
export interface Unavailable {
  readonly status: number
  /** The environment that should have served it. */
  readonly environment: string
  readonly service: string
  readonly reason: UnavailableReason
  /** What exactly was wrong, without an address; goes behind the sentence. */
  readonly cause?: string | undefined
  /** When the first request failed so, that none has succeeded after. */
  readonly since?: Date | undefined
}

const SENTENCES: Record<UnavailableReason, string> = {
  'no-endpoint': 'has no endpoint that is ready',
  unreachable: 'could not be reached',
  closed: 'received the request and closed the connection before it answered',
  timeout: 'did not answer in time',
  'bad-response': 'sent an answer that is not valid HTTP',
  'too-large': 'sent an answer that is too large',
}

/**
 * The answer that says so, in what the client accepts (RFC 9110, 12.5.1): problem details for programs (RFC
 * 9457), a page for browsers, plain text where nothing else will do. It names no address.
 */
export function unavailable(problem: Unavailable, accept: string | undefined): Reply {
  const { status, environment, service, reason } = problem
  const title = STATUS_CODES[status] ?? 'Bad Gateway'
  const when = problem.since === undefined ? '' : `, since ${problem.since.toISOString()}`
  const because = problem.cause === undefined ? '' : ` (${problem.cause})`
  const detail = `${service} of the environment ${environment} ${SENTENCES[reason]}${because}${when}.`
  const [type, body] = render(accept, { type: 'urn:branchline:unavailable', title, detail, ...problem })
  return {
    status,
    headers: [
      ['content-type', type],
      ['cache-control', 'no-store'],
    ],
    body,
  }
}

interface Details extends Unavailable {
  readonly type: string
  readonly title: string
  readonly detail: string
}

function render(accept: string | undefined, details: Details): [type: string, body: string] {
  if (accept?.includes('text/html')) return ['text/html; charset=utf-8', page(details)]
  if (accept?.includes('text/plain') && !accept.includes('json')) {
    return ['text/plain; charset=utf-8', `${details.title}: ${details.detail}\n`]
  }
  return ['application/problem+json', `${JSON.stringify(details)}\n`]
}

const page = ({ status, title, detail, reason }: Details): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${status} ${title}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}</style>
<h1>${title}</h1>
<p>${escape(detail)}
<p><small>Branchline: ${reason}</small>
`

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escape = (text: string): string => text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? '')
