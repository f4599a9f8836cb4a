import type { Reply } from '../../../proxy/decision.ts'

/** An answer of the relay's own. */
export interface Problem {
  readonly status: number
  /** A stable word that programs may branch on. */
  readonly reason: string
  readonly title: string
  /** A sentence for people; it may hold what a visitor sent. */
  readonly detail: string
  /** When to ask again. Default: nothing is said. */
  readonly retryAfterSeconds?: number
}

/** A small page where the visitor takes HTML, else problem details (RFC 9457). Never kept by caches. */
export function problemReply(problem: Problem, accept: string | undefined): Reply {
  const { retryAfterSeconds } = problem
  const html = accept?.toLowerCase().includes('text/html') === true
  return {
    status: problem.status,
    headers: [
      ['content-type', html ? 'text/html; charset=utf-8' : 'application/problem+json'],
      ['cache-control', 'no-store'],
      ['vary', 'accept'],
      ['x-content-type-options', 'nosniff'],
      ...(retryAfterSeconds === undefined ? [] : [['retry-after', String(retryAfterSeconds)] as const]),
      ...(html ? [['content-security-policy', PAGE_POLICY] as const] : []),
    ],
    body: html ? pageOf(problem) : jsonOf(problem),
  }
}

// Nothing on the page loads, runs or is framed, whatever a host's name held.
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

const jsonOf = ({ status, reason, title, detail }: Problem): string =>
  `${JSON.stringify({ type: `urn:branchline:${reason}`, title, status, detail, reason })}\n`

const refreshOf = ({ retryAfterSeconds }: Problem): string =>
  retryAfterSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${retryAfterSeconds}">`

const pageOf = (problem: Problem): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refreshOf(problem)}
<title>${problem.status} ${escapeHtml(problem.title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}</style>
<h1>${escapeHtml(problem.title)}</h1>
<p>${escapeHtml(problem.detail)}
<p><small>Branchline: ${problem.reason}</small>
`

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign] as string)
