import fc from 'fast-check'
import { expect, test } from 'vitest'
import { environmentName, MAX_ENVIRONMENT_NAME_LENGTH } from './environment-name.ts'
import { isKey } from './key.ts'
import { PLATFORM_NAMESPACE } from './names.ts'

test.each([
  ['feature/X_1', 'feature-x-1'],
  ['refs/heads/main', 'main'],
  ['alice', 'alice'],
  ['JIRA-123: fix (again)!', 'jira-123-fix-again'],
  ['--a--b--', 'a-b'],
  ['123', '123'],
])('%s becomes %s', (branch, name) => {
  expect(environmentName(branch)).toBe(name)
})

test.each(['default', 'kube-system', 'Kube/System', PLATFORM_NAMESPACE, '日本語', ''])(
  'the reserved or empty name of %j gets a prefix and a hash',
  (branch) => {
    expect(environmentName(branch)).toMatch(/^branch-?[a-z-]*-[0-9a-f]{8}$/)
  },
)

test('long branches that begin alike have different names', () => {
  const long = `feature/${'x'.repeat(60)}`
  expect(environmentName(`${long}1`)).not.toBe(environmentName(`${long}2`))
})

test('every branch has a valid name that is not reserved, and a name stands for itself', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.stringMatching(/^[a-zA-Z0-9/_.-]*$/)),
      (branch) => {
        const name = environmentName(branch)
        expect(isKey(name)).toBe(true)
        expect(name.length).toBeLessThanOrEqual(MAX_ENVIRONMENT_NAME_LENGTH)
        expect(name).not.toMatch(/^(?:default$|kube-)/)
        expect(environmentName(name)).toBe(name)
      },
    ),
  )
})
