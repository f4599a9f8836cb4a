import { expect, test } from 'vitest'
import { type ListedPreview, workerMessage } from './messages.ts'
import { LISTING_PAGE, MAX_WORKER_MESSAGE, REPORT_PAGE } from './protocol.ts'

const LABEL = 'l'.repeat(63)
const preview: ListedPreview = {
  label: LABEL,
  environment: LABEL,
  service: LABEL,
  port: 65535,
  key: LABEL,
  access: 'organization',
}
const UUID = '123e4567-e89b-12d3-a456-426614174000'

test('the longest page of each report is below the limit of a message', () => {
  const pages = [
    {
      type: 'listing',
      credential: 'token:0123456789abcdef',
      cluster: LABEL,
      upsert: Array.from({ length: LISTING_PAGE }, () => preview),
      remove: Array.from({ length: LISTING_PAGE }, () => LABEL),
      more: true,
      settled: false,
    },
    {
      type: 'usage',
      circuits: Array.from({ length: REPORT_PAGE }, () => ({
        id: UUID,
        requests: 1_000_000_000_000,
        open: 100_000,
        lastAccessMs: Date.now(),
      })),
    },
  ]
  for (const page of pages) {
    expect(workerMessage.parse(page)).toEqual(page)
    expect(JSON.stringify(page).length).toBeLessThan(MAX_WORKER_MESSAGE)
  }
})

test.each([
  ['another type', { type: 'snapshot' }],
  [
    'a longer page',
    { type: 'circuits', circuits: Array.from({ length: 1_001 }, () => ({ id: 'a', version: 1 })) },
  ],
  ['a label with a dot', { type: 'unlisted', credential: 'a', cluster: 'a.b' }],
  ['a secret in place of its hash', { type: 'redeem', request: 1, code: 'c', host: 'a.b', hash: 'cookie' }],
  ['a session by its secret', { type: 'leave', hash: 'cookie' }],
  ['a negative count', { type: 'usage', circuits: [{ id: 'a', requests: -1, open: 0 }] }],
])('%s is refused', (_, message) => {
  expect(workerMessage.safeParse(message).success).toBe(false)
})

test('fields of later versions are ignored', () => {
  expect(workerMessage.parse({ type: 'ack', epoch: 1, later: true })).toEqual({ type: 'ack', epoch: 1 })
})
