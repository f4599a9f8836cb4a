import { expect, test } from 'vitest'
import { expand, rewritePaths } from './expand.ts'

// The cases of Kubernetes' third_party/forked/golang/expansion.
test.each([
  ['$(A)', 'a'],
  ['x-$(A)-$(B)', 'x-a-b'],
  ['$(MISSING)', '$(MISSING)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$a'],
  ['$$$$(A)', '$$(A)'],
  ['$A ${A}', '$A ${A}'],
  ['$(A', '$(A'],
  ['$', '$'],
  ['$$', '$'],
  ['$(EMPTY)', ''],
  ['$(toString)', '$(toString)'],
  ['$($(A))', '$($(A))'.replace('$(A)', 'a')],
])('%s gives %s', (text, result) => {
  expect(expand(text, { A: 'a', B: 'b', EMPTY: '' })).toBe(result)
})

test.each([
  ['/data', '/run/v'],
  ['--dir=/data/x', '--dir=/run/v/x'],
  ['/database', '/database'],
  ['/srv/data', '/srv/data'],
  ['a:/data:b', 'a:/run/v:b'],
  ['/data/deep/file', '/run/deep/file'],
  ['/data.old', '/data.old'],
])('%s is rewritten to %s', (text, result) => {
  const folders = new Map([
    ['/data', '/run/v'],
    ['/data/deep', '/run/deep'],
  ])
  expect(rewritePaths(text, folders)).toBe(result)
})
