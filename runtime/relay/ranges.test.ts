import { expect, test } from 'vitest'
import { isWithin, parseRanges, rangesOf } from './ranges.ts'

test.each([
  ['10.0.0.0/8', '10.1.2.3', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/8', '::ffff:10.1.2.3', true],
  ['10.0.0.0/8', '::ffff:a01:203', true],
  ['::ffff:10.0.0.0/104', '10.1.2.3', true],
  ['::ffff:10.0.0.0/104', '::ffff:10.1.2.3', true],
  ['::ffff:10.0.0.0/104', '11.0.0.1', false],
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.2.8', false],
  ['2001:db8::/32', '2001:db8:1::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['0.0.0.0/0', '::1', false],
  // It contains ::ffff:0:0/96.
  ['::/0', '10.0.0.1', true],
  ['0.0.0.0/0', undefined, false],
  ['0.0.0.0/0', 'unknown', false],
])('%s contains %s: %s', (range, address, contained) => {
  expect(isWithin(rangesOf([range]), address)).toBe(contained)
})

test.each(['10.0.0.0/33', '10.0.0', '::/129', '10.0.0.0/8/8', '10.0.0.0/', '10.0.0.0/-1', 'localhost', ''])(
  'a bad entry refuses the whole list: %j',
  (entry) => expect(() => rangesOf(['10.0.0.0/8', entry])).toThrow(RangeError),
)

test('a text has commas, and may have spaces', () => {
  expect(isWithin(parseRanges('10.0.0.0/8, ::1,'), '::1')).toBe(true)
})
