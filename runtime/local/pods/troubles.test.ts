import { expect, test } from 'vitest'
import { describeTrouble } from './troubles.ts'

const network = { portInUse: '', listeners: () => ({ localhost: false, wildcard: false }) }
const unready = { type: 'readiness', message: 'it responded with 503' } as const

test('a sidecar that waits for its app is no trouble, unlike an app', () => {
  expect(describeTrouble({ name: 'web' }, unready, [], network)).toBe(
    'container web is not ready: it responded with 503',
  )
  expect(describeTrouble({ name: 'branchline-sidecar' }, unready, [], network)).toBeUndefined()
})
