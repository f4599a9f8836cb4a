import { expect, test } from 'vitest'
import { type Unavailable, unavailable } from './problem.ts'

const problem: Unavailable = { status: 502, environment: 'alice', service: 'api', reason: 'unreachable' }
const typeOf = (accept: string | undefined): string | undefined =>
  unavailable(problem, accept).headers?.[0]?.[1]

test.each([
  [undefined, 'application/problem+json'],
  ['*/*', 'application/problem+json'],
  ['application/json', 'application/problem+json'],
  ['text/html,application/xhtml+xml,*/*;q=0.8', 'text/html; charset=utf-8'],
  ['text/plain', 'text/plain; charset=utf-8'],
])('Accept: %s gets %s', (accept, type) => {
  expect(typeOf(accept)).toBe(type)
})

test('programs get problem details (RFC 9457)', () => {
  expect(JSON.parse(unavailable(problem, undefined).body as string)).toEqual({
    type: 'urn:branchline:unavailable',
    title: 'Bad Gateway',
    detail: 'api of the environment alice could not be reached.',
    ...problem,
  })
})

test('no name becomes markup', () => {
  const { body } = unavailable({ ...problem, service: '<script>"&' }, 'text/html')
  expect(body).toContain('&lt;script&gt;&quot;&amp; of the environment alice')
  expect(body).not.toContain('<script>')
})
