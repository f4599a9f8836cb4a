import { expect, test } from 'vitest'
import { clientMemoryFor } from './memory.ts'

const MIB = 1024 * 1024

test.each([
  ['the relay’s container', 512, 64, 32, 9_216],
  ['a sidecar’s container', 192, 24, 12, 2_176],
  ['a tiny container', 64, 8, 4, 256],
  ['a huge container', 64 * 1024, 1024, 1024, 10_000],
  ['no container', 0, 64, 64, 10_000],
  ['a limit above the memory of the machine', 1024 * 1024 * 1024, 64, 64, 10_000],
])('%s of %i MiB: %i and %i MiB, %i connections', (_, limit, kept, unread, connections) => {
  const memory = clientMemoryFor(limit * MIB, 128 * 1024 * MIB)
  expect(memory).toEqual({
    keptTotalBytes: kept * MIB,
    unreadTotalBytes: unread * MIB,
    connections,
  })
})
