import { expect, test } from 'vitest'
import { Counts, exposition, Histogram, histogramExposition, only } from './exposition.ts'

test('a counter declares its type and has one line for each set of labels', () => {
  const refusals = new Counts<'token' | 'path'>('reason')
  refusals.inc('token')
  refusals.inc('path')
  refusals.inc('token')
  expect(exposition('refusals_total', 'counter', 'Refusals.', refusals.samples())).toBe(
    '# HELP refusals_total Refusals.\n# TYPE refusals_total counter\n' +
      'refusals_total{reason="token"} 2\nrefusals_total{reason="path"} 1\n',
  )
})

test('a metric without labels has no braces', () => {
  expect(exposition('epoch', 'gauge', 'Epoch.', only(7))).toMatch(/^epoch 7\n$/m)
})

test('values of labels are escaped', () => {
  expect(exposition('x', 'gauge', 'X.', [[{ name: 'a"\\\n' }, 1]])).toContain('x{name="a\\"\\\\\\n"} 1\n')
})

test('a bucket holds all observations up to its bound', () => {
  const seconds = new Histogram([0.1, 1])
  for (const value of [0.1, 0.5, 2]) seconds.observe(value)
  expect(histogramExposition('seconds', 'Seconds.', only(seconds))).toBe(
    '# HELP seconds Seconds.\n# TYPE seconds histogram\n' +
      'seconds_bucket{le="0.1"} 1\nseconds_bucket{le="1"} 2\nseconds_bucket{le="+Inf"} 3\n' +
      'seconds_sum 2.6\nseconds_count 3\n',
  )
})
