import fc from 'fast-check'
import { expect, test } from 'vitest'
import { choosePort, isInRange } from './ports.ts'

const range = fc
  .tuple(fc.integer({ min: 1, max: 65000 }), fc.integer({ min: 0, max: 200 }))
  .map(([from, size]) => ({ from, to: from + size }))

test('a key gets the same port whenever it is free', () => {
  fc.assert(
    fc.property(fc.string(), range, fc.array(fc.nat(200)), (key, range, others) => {
      const first = choosePort(key, range, new Set()) as number
      expect(isInRange(range, first)).toBe(true)
      const taken = new Set(others.map((offset) => range.from + offset).filter((port) => port !== first))
      expect(choosePort(key, range, taken)).toBe(first)
    }),
  )
})

test('every port of a range is given once, and then none', () => {
  fc.assert(
    fc.property(range, (range) => {
      const taken = new Set<number>()
      for (let port = range.from; port <= range.to; port++) {
        const chosen = choosePort(`key-${port}`, range, taken) as number
        expect(taken.has(chosen)).toBe(false)
        taken.add(chosen)
      }
      expect(choosePort('one more', range, taken)).toBeUndefined()
    }),
    { numRuns: 20 },
  )
})
