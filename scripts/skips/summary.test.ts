import { expect, test } from 'vitest'
import { summaryOf } from './summary.ts'

const outcome = (file: string, name: string, isSkipped = true) => ({ file, name, isSkipped })

test('one line has the files, how many tests they skipped, and why', () => {
  const line = summaryOf([
    outcome('a/helm.test.ts', 'helm (skipped: there is none) > lint'),
    outcome('a/helm.test.ts', 'helm (skipped: there is none) > values'),
    outcome('b.test.ts', 'the page in a browser'),
    outcome('b.test.ts', 'another', false),
  ])
  expect(line).toBe('skipped: 3 tests: a/helm (2: there is none); b (1: the page in a browser)')
})

test('what another part ran is not skipped', () => {
  const outcomes = [
    outcome('h2.test.ts', 'h2spec finds nothing (skipped: `npm run test:h2spec` runs it)'),
    outcome('h2.test.ts', 'h2spec finds nothing', false),
  ]
  expect(summaryOf(outcomes)).toBe('skipped: nothing')
})
