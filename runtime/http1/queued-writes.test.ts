import { afterAll, beforeAll, expect, test } from 'vitest'
import { handleWrites } from '../transport/node-private.ts'

/** Runs all tests of the engine over sockets again through `Socket.write`, the fallback if Node's handles change. */
beforeAll(() => {
  handleWrites.wanted = false
})
afterAll(() => {
  handleWrites.wanted = true
})

test('the handles are not used', () => expect(handleWrites.wanted).toBe(false))

await import('./hop.test.ts')
await import('./limits.test.ts')
await import('./back-pressure.test.ts')
await import('./smuggling.test.ts')
await import('../transport/tcp.test.ts')
