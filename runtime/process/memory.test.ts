import { expect, test } from 'vitest'
import { keptBytesFor } from './memory.ts'

const MIB = 1024 * 1024

test.each([
  ['the relay’s container', 512, 64],
  ['a sidecar’s container', 192, 24],
  ['a tiny container', 32, 8],
  ['a huge container', 64 * 1024, 1024],
  ['no container', 0, 64],
  ['a limit above what the machine has', 1024 * 1024 * 1024, 64],
])('%s of %i MiB: %i MiB', (_, limit, kept) => {
  expect(keptBytesFor(limit * MIB, 128 * 1024 * MIB)).toBe(kept * MIB)
})
