import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cookiesWithoutOurs,
  stickyCookie,
  stickyValue,
  stickyValueIn,
  targetOfAddress,
} from './stickiness.ts'

const addresses = Array.from({ length: 2_000 }, (_, index) => `203.0.${index >> 8}.${index & 255}`)
const targetsOf = (count: number) => Array.from({ length: count }, (_, index) => ({ id: `t${index}` }))

describe('by address', () => {
  test('addresses spread over the targets', () => {
    const targets = targetsOf(4)
    const counts = targets.map(
      (target) => addresses.filter((address) => targetOfAddress(address, targets) === target).length,
    )
    for (const count of counts) expect(count).toBeGreaterThan(400)
  })

  test('a change of the targets moves only addresses of the target that came or went', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), fc.nat(19), (count, gone) => {
        const before = targetsOf(count)
        const removed = before[gone % count]
        const after = before.filter((target) => target !== removed)
        const moved = addresses.slice(0, 200).filter((address) => {
          const had = targetOfAddress(address, before)
          return had !== removed && targetOfAddress(address, after) !== had
        })
        expect(moved).toEqual([])
      }),
    )
    expect.hasAssertions()
  })

  test('the addresses of one IPv6 network stay together', () => {
    const targets = targetsOf(50)
    expect(targetOfAddress('2001:db8:1:2::1', targets)).toBe(targetOfAddress('2001:db8:1:2:ffff::9', targets))
  })
})

describe('by cookie', () => {
  const headOf = (cookie: string | undefined) => ({ get: () => cookie })

  test('the value tells nothing about the target, and differs between circuits', () => {
    const value = stickyValue('circuit', 'target')
    expect(value).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(stickyValue('other', 'target')).not.toBe(value)
  })

  test('over TLS, only a host-only cookie counts, and ports of one host have cookies of their own', () => {
    const circuit = { id: 'c', frontend: { type: 'subdomain' as const, hosts: ['c'] } }
    const port = { id: 'p', frontend: { type: 'port' as const, port: 30_001 } }
    const value = stickyValue('c', 't')
    expect(stickyCookie(circuit, 't', true)).toBe(
      `__Host-branchline-target=${value}; Path=/; HttpOnly; SameSite=Lax; Secure`,
    )
    expect(stickyCookie(circuit, 't', false)).toBe(
      `branchline-target=${value}; Path=/; HttpOnly; SameSite=Lax`,
    )
    expect(stickyCookie(port, 't', false)).toMatch(/^branchline-target-30001=/)
    const head = headOf('a=b; branchline-target=1; __Host-branchline-target=2; branchline-target-30001=3')
    expect(stickyValueIn(head, circuit, true)).toBe('2')
    expect(stickyValueIn(head, circuit, false)).toBe('1')
    expect(stickyValueIn(head, port, false)).toBe('3')
    expect(stickyValueIn(headOf('branchline-target=1'), circuit, true)).toBeUndefined()
    expect(stickyValueIn(headOf(undefined), circuit, false)).toBeUndefined()
  })

  test.each([
    ['branchline-target=1', []],
    ['a=b; branchline-target=1', ['a=b']],
    ['branchline-target=1; a=b', ['a=b']],
    ['a=b;branchline-target=1;c=d', ['a=b;c=d']],
    ['a=b; __Host-branchline-target=1; c="d; e"', ['a=b; c="d; e"']],
    ['branchline-target-30001=1; branchline=2', ['branchline=2']],
    ['not-branchline-target=1; branchline-target=2', ['not-branchline-target=1']],
  ])('%s is passed on as %j', (sent, kept) => {
    expect(cookiesWithoutOurs([sent])).toEqual(kept)
  })

  test('other cookies stay byte for byte the same', () => {
    const other = fc.stringMatching(/^[a-z]{1,8}=[!-:<-~ ]{0,20}$/).map((text) => text.trim())
    fc.assert(
      fc.property(fc.array(other, { maxLength: 5 }), fc.nat(5), (others, place) => {
        const pairs = others.toSpliced(place, 0, 'branchline-target=x')
        const without = cookiesWithoutOurs([pairs.join('; ')])
        expect(without).toEqual(others.length === 0 ? [] : [others.join('; ')])
        expect(cookiesWithoutOurs([others.join('; ')])).toBeUndefined()
      }),
    )
  })
})
