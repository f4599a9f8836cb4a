import { expect, test } from 'vitest'
import { injectOptions } from './run-inject.ts'

test('absent options of the command set no option of the injection', () => {
  expect(injectOptions({})).toEqual({})
  expect(
    injectOptions({ environment: 'alice', above: 'team,baseline,', sidecarImage: 'mirror/sidecar:1' }),
  ).toEqual({
    environment: 'alice',
    above: ['team', 'baseline'],
    sidecar: { image: 'mirror/sidecar:1' },
  })
})
