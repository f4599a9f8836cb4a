import Negotiator from 'negotiator'
import type { Reply } from './decision.ts'

/** Why this process itself responds to a request. */
export interface Problem {
  readonly status: number
  readonly title: string
  /** A sentence for people. It may contain text that the client sent. */
  readonly detail: string
  /** A stable word on which programs may branch. */
  readonly reason: string
  /** The last part of the problem type `urn:branchline:<type>`. Default: the reason. */
  readonly type?: string
  /** Seconds after which the client should try again. Default: unspecified. */
  readonly retryAfterSeconds?: number
  /** Further members of the problem details (RFC 9457, 3.2); undefined ones are left out. Default: none. */
  readonly members?: Readonly<Record<string, unknown>>
}

interface Format {
  readonly contentType: string
  readonly render: (problem: Problem) => string
}

const PROBLEM_DETAILS: Format = { contentType: 'application/problem+json', render: detailsOf }
/** The first one wins if the client prefers several equally. */
const FORMATS = new Map<string, Format>([
  ['application/problem+json', PROBLEM_DETAILS],
  ['application/json', PROBLEM_DETAILS],
  ['text/html', { contentType: 'text/html; charset=utf-8', render: pageOf }],
  ['text/plain', { contentType: 'text/plain; charset=utf-8', render: textOf }],
])
const MEDIA_TYPES = [...FORMATS.keys()]

/**
 * Returns a reply that explains a problem in the format that the client prefers (RFC 9110, 12.5.1): problem details (RFC
 * 9457), a page, or plain text. A client that accepts none of them gets problem details. Caches must not store the reply.
 */
export function problemReply(problem: Problem, accept: string | undefined): Reply {
  const { contentType, render } = formatFor(accept)
  const { status, retryAfterSeconds } = problem
  return {
    status,
    headers: [
      ['content-type', contentType],
      ['cache-control', 'no-store'],
      ['vary', 'accept'],
      ['x-content-type-options', 'nosniff'],
      ['content-security-policy', CONTENT_POLICY],
      ...(retryAfterSeconds === undefined ? [] : [['retry-after', String(retryAfterSeconds)] as const]),
    ],
    body: render(problem),
  }
}

function formatFor(accept: string | undefined): Format {
  if (accept === undefined) return PROBLEM_DETAILS
  const preferred = new Negotiator({ headers: { accept } }).mediaType(MEDIA_TYPES)
  return FORMATS.get(preferred ?? '') ?? PROBLEM_DETAILS
}

// The page loads nothing, runs nothing and cannot be framed, even if it shows text that a client sent.
const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

function detailsOf({ status, title, detail, reason, type = reason, members }: Problem): string {
  return `${JSON.stringify({ type: `urn:branchline:${type}`, title, status, detail, reason, ...members })}\n`
}

function textOf({ title, detail }: Problem): string {
  return `${title}: ${detail}\n`
}

function pageOf({ status, title, detail, reason, retryAfterSeconds }: Problem): string {
  const refresh =
    retryAfterSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${retryAfterSeconds}">`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}
<title>${status} ${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}</style>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(detail)}
<p><small>Branchline: ${escapeHtml(reason)}</small>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] as string)
