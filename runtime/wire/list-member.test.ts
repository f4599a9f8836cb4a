import { expect, test } from 'vitest'
import { decoded, isOurs } from './list-member.ts'

test.each([
  'branchline=bob',
  ' branchline = bob;p=1',
  '%62ranchline=bob',
  'branchline%20=bob',
  '+branchline=bob',
  '%2562ranchline=bob',
  '%25252562ranchline=bob',
  '%%36%32ranchline=bob',
  'BRANCHLINE=bob',
  '"branchline"=bob',
  '\u00a0branchline=bob',
  '%E2%80%83branchline=bob',
  'a=1%2Cbranchline=bob',
  'branchline%3Dbob',
])('%j is ours', (member) => {
  expect(isOurs(member)).toBe(true)
})

test.each([
  'xbranchline=bob',
  'bob@branchline=bob',
  'a=branchline=bob',
  'a=branchline%3Dbob',
  'branchline',
  '',
  '%',
])('%j is not ours', (member) => {
  expect(isOurs(member)).toBe(false)
})

test('decodes a long text of encodings in limited time', () => {
  const startMs = performance.now()
  expect(decoded('%25'.repeat(100_000)).length).toBeLessThan(300_000)
  expect(performance.now() - startMs).toBeLessThan(5_000)
})
