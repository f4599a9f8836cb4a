import { expect, test } from 'vitest'
import { type Problem, problemReply } from './problem.ts'

const problem: Problem = { status: 404, reason: 'unknown-host', title: 'No preview here', detail: 'None.' }
const headerOf = (name: string, accept?: string, of: Problem = problem): string | undefined =>
  problemReply(of, accept).headers?.find(([header]) => header === name)?.[1]

test.each([
  [undefined, 'application/problem+json'],
  ['', 'application/problem+json'],
  ['*/*', 'application/problem+json'],
  ['application/json', 'application/problem+json'],
  ['application/json, text/plain, */*', 'application/problem+json'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8'],
  ['TEXT/HTML', 'text/html; charset=utf-8'],
  ['text/html;q=0, */*', 'application/problem+json'],
  ['text/html;q=0.1, application/json', 'application/problem+json'],
  ['text/plain', 'text/plain; charset=utf-8'],
  ['image/png', 'application/problem+json'],
  ['image/svg+xml, not a media type', 'application/problem+json'],
])('Accept: %s gets %s', (accept, type) => {
  expect(headerOf('content-type', accept)).toBe(type)
})

test.each([undefined, 'text/html', 'text/plain'])(
  'Accept: %s gets a reply that no cache stores and no browser reinterprets',
  (accept) => {
    expect(headerOf('cache-control', accept)).toBe('no-store')
    expect(headerOf('vary', accept)).toBe('accept')
    expect(headerOf('x-content-type-options', accept)).toBe('nosniff')
    expect(headerOf('content-security-policy', accept)).toContain("default-src 'none'")
  },
)

test('programs get problem details (RFC 9457)', () => {
  const { body } = problemReply(
    { ...problem, type: 'unavailable', members: { service: 'api', cause: undefined } },
    undefined,
  )
  expect(JSON.parse(body as string)).toEqual({
    type: 'urn:branchline:unavailable',
    title: 'No preview here',
    status: 404,
    detail: 'None.',
    reason: 'unknown-host',
    service: 'api',
  })
})

test('the reason is the type by default', () => {
  expect(JSON.parse(problemReply(problem, undefined).body as string)).toMatchObject({
    type: 'urn:branchline:unknown-host',
  })
})

test('a page and a header say when to try again', () => {
  const later = { ...problem, retryAfterSeconds: 2 }
  expect(headerOf('retry-after', 'text/html', later)).toBe('2')
  expect(problemReply(later, 'text/html').body).toContain('<meta http-equiv="refresh" content="2"')
  expect(headerOf('retry-after', 'text/html')).toBeUndefined()
})

test('text from a client does not become markup', () => {
  const { body } = problemReply({ ...problem, detail: `<script>"&'` }, 'text/html')
  expect(body).toContain('&lt;script&gt;&quot;&amp;&#39;')
  expect(body).not.toContain('<script>')
})

test('a link leads people and programs on', () => {
  const linked = { ...problem, link: { url: 'http://localhost:8080/', text: 'All <environments>' } }
  expect(problemReply(linked, 'text/html').body).toContain(
    '<a href="http://localhost:8080/">All &lt;environments&gt;</a>',
  )
  expect(problemReply(linked, 'text/plain').body).toBe('No preview here: None. See http://localhost:8080/\n')
  expect(JSON.parse(problemReply(linked, undefined).body as string)).toMatchObject({
    see: 'http://localhost:8080/',
  })
})
