import { expect, test } from 'vitest'
import { type Unavailable, unavailable } from './problem.ts'

const problem: Unavailable = { status: 502, environment: 'alice', service: 'api', reason: 'unreachable' }

test('programs get problem details (RFC 9457)', () => {
  expect(JSON.parse(unavailable(problem, undefined).body as string)).toEqual({
    type: 'urn:branchline:unavailable',
    title: 'The service did not respond',
    detail: 'api of the environment alice could not be reached.',
    ...problem,
  })
})

test('the response names the start of the outage and the cause', () => {
  const since = new Date(0)
  const body = unavailable({ ...problem, cause: 'no reply', since }, 'text/plain').body
  expect(body).toBe(
    'The service did not respond: api of the environment alice could not be reached (no reply), since 1970-01-01T00:00:00.000Z.\n',
  )
})
