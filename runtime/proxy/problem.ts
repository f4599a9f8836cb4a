import { BRAND } from '../page/brand.ts'
import { preferredType } from '../page/formats.ts'
import { html } from '../page/html.ts'
import { page, PAGE_HEADERS } from '../page/page.ts'
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
  /** A page where people can read on. Default: none. */
  readonly link?: { readonly url: string; readonly text: string }
}

interface Format {
  readonly contentType: string
  readonly render: (problem: Problem) => string
}

const PROBLEM_DETAILS: Format = { contentType: 'application/problem+json', render: detailsOf }
const FORMATS = new Map<string, Format>([
  ['application/problem+json', PROBLEM_DETAILS],
  ['application/json', PROBLEM_DETAILS],
  ['text/html', { contentType: 'text/html; charset=utf-8', render: pageOf }],
  ['text/plain', { contentType: 'text/plain; charset=utf-8', render: textOf }],
])
const MEDIA_TYPES = [...FORMATS.keys()] as [string, ...string[]]

/**
 * Returns a reply that explains a problem in the format that the client prefers (RFC 9110, 12.5.1): problem details (RFC
 * 9457), a page, or plain text. A client that accepts none of them gets problem details. Caches must not store the reply.
 */
export function problemReply(problem: Problem, accept: string | undefined): Reply {
  const { contentType, render } = FORMATS.get(preferredType(accept, MEDIA_TYPES)) ?? PROBLEM_DETAILS
  const { status, reason, type, retryAfterSeconds } = problem
  return {
    status,
    // The type of a limit names it.
    reason: reason === 'limit' && type !== undefined ? type : reason,
    headers: [
      ['content-type', contentType],
      ['vary', 'accept'],
      ...PAGE_HEADERS,
      ...(retryAfterSeconds === undefined ? [] : [['retry-after', String(retryAfterSeconds)] as const]),
    ],
    body: render(problem),
  }
}

function detailsOf({ status, title, detail, reason, type = reason, members, link }: Problem): string {
  const more = { ...members, ...(link !== undefined && { see: link.url }) }
  return `${JSON.stringify({ type: `urn:branchline:${type}`, title, status, detail, reason, ...more })}\n`
}

function textOf({ title, detail, link }: Problem): string {
  return `${title}: ${detail}${link === undefined ? '' : ` See ${link.url}`}\n`
}

function pageOf({ status, title, detail, reason, retryAfterSeconds, link }: Problem): string {
  const more = link && html` <p><a href="${link.url}">${link.text}</a></p>`
  const again =
    retryAfterSeconds === undefined
      ? undefined
      : html` <p class="soft small">This page loads again in ${retryAfterSeconds} s.</p>`
  const body = html`<main class="card">
      ${BRAND}
      <h1>${title}</h1>
      <p class="lead">${detail}</p>
      ${more}${again}
    </main>
    <footer class="soft small">Status ${status}, reason <code>${reason}</code></footer>`
  return page({ title: `${status} ${title}`, body, refreshSeconds: retryAfterSeconds })
}
