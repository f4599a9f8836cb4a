import type { Problem } from '@branchline/wire/circuits/problem'
import { BRAND } from '../../../page/brand.ts'
import { preferredType } from '../../../page/formats.ts'
import { html } from '../../../page/html.ts'
import { page, PAGE_HEADERS } from '../../../page/page.ts'

/** Turns a problem into a response: a document, or a page for a client that prefers HTML to JSON. */
export function problemResponse(
  problem: Problem,
  accept: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const { status } = problem
  const all = new Headers(headers)
  // A client that names no format, or accepts everything, is no browser.
  const isPage =
    preferredType(accept, ['application/problem+json', 'application/json', 'text/html']) === 'text/html'
  if (isPage) for (const [name, value] of PAGE_HEADERS) all.set(name, value)
  all.set('content-type', isPage ? 'text/html; charset=utf-8' : 'application/problem+json')
  all.set('cache-control', 'no-store')
  all.append('vary', 'Accept')
  return new Response(isPage ? problemPage(problem) : JSON.stringify(problem), { status, headers: all })
}

function problemPage({ title, detail, remedy, errors = [], requestId }: Problem): string {
  const body = html`<main class="card">
    ${BRAND}
    <h1>${title}</h1>
    ${detail === undefined ? undefined : html`<p class="lead">${detail}</p>`}
    ${errors.map(({ pointer, detail }) => html`<p><code>${pointer}</code> ${detail}</p>`)}
    ${remedy === undefined ? undefined : html`<p>${remedy}</p>`}
    ${requestId === undefined ? undefined : html`<p class="soft small">Request <code>${requestId}</code></p>`}
  </main>`
  return page({ title, body })
}
