import { afterAll, beforeAll, expect, test } from 'vitest'
import { handleWrites } from '../transport/socket-handle.ts'

/** All of the engine's tests over sockets once more, the public way: as it is where Node's handles have changed. */
beforeAll(() => {
  handleWrites.wanted = false
})
afterAll(() => {
  handleWrites.wanted = true
})

test('the handles are left alone', () => expect(handleWrites.wanted).toBe(false))

await import('./hop.test.ts')
await import('./limits.test.ts')
await import('./back-pressure.test.ts')
await import('./smuggling.test.ts')
await import('../transport/tcp.test.ts')
