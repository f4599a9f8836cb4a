import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isKey } from './key.ts'
import { MAX_TRACESTATE_LENGTH, readTracestateKey, writeTracestateKey } from './tracestate.ts'

describe('reading', () => {
  test.each([
    ['branchline=alice', 'alice'],
    ['rojo=00f067aa0ba902b7,branchline=alice', 'alice'],
    ['rojo=1 ,\t branchline=alice \t, congo=2', 'alice'],
    ['branchline=Not A Key,branchline=bob', 'bob'],
    [',,branchline=alice,', 'alice'],
    ['congo=branchline=bob', undefined],
    ['xbranchline=bob', undefined],
    ['branchline@bob=1', undefined],
    ['branchline=', undefined],
    ['branchline=a=b', undefined],
    [`branchline=${'a'.repeat(64)}`, undefined],
    ['', undefined],
  ])('%j gives %s', (value, key) => {
    expect(readTracestateKey(value)).toBe(key)
  })
})

describe('writing', () => {
  test.each([
    ['', 'alice', 'branchline=alice'],
    ['rojo=1,congo=2', 'alice', 'branchline=alice,rojo=1,congo=2'],
    ['rojo=1, branchline=bob ,congo=2', 'alice', 'branchline=alice,rojo=1,congo=2'],
    ['branchline=bob', undefined, ''],
    ['rojo=1,branchline=bob,branchline=eve', undefined, 'rojo=1'],
  ])('%j with %s gives %j', (value, key, result) => {
    expect(writeTracestateKey(value, key)).toBe(result)
  })

  test('removes the oldest entries above 32', () => {
    const others = Array.from({ length: 32 }, (_, index) => `v${index}=1`)
    const members = writeTracestateKey(others.join(','), 'alice').split(',')
    expect(members).toHaveLength(32)
    expect(members).not.toContain('v31=1')
    expect(members[1]).toBe('v0=1')
  })

  test('removes a long entry first above 512 characters', () => {
    const long = `long=${'x'.repeat(500)}`
    expect(writeTracestateKey(`a=1,${long},b=2`, 'alice')).toBe('branchline=alice,a=1,b=2')
  })
})

test('for any list, our key is read back within the limits, and the others keep their order', () => {
  const key = fc.stringMatching(/^[a-z0-9]{1,20}$/)
  fc.assert(
    fc.property(fc.string({ maxLength: 700 }), key, (before, ours) => {
      const after = writeTracestateKey(before, ours)
      expect(isKey(ours)).toBe(true)
      expect(readTracestateKey(after)).toBe(ours)
      expect(after.length).toBeLessThanOrEqual(MAX_TRACESTATE_LENGTH)
      const kept = after.split(',').slice(1)
      let from = 0
      const members = before.split(',').map((member) => member.trim())
      for (const member of kept) {
        from = members.indexOf(member, from) + 1
        expect(from).toBeGreaterThan(0)
      }
    }),
  )
})
