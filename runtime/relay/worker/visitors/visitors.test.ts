import { expect, test } from 'vitest'
import type { Client } from '../../../proxy/decision.ts'
import type { Head } from '../../../proxy/head.ts'
import { parseRanges } from '../../ranges.ts'
import type { Visitor } from '../frontends/connection.ts'
import { Visitors } from './visitors.ts'

const visitorsOf = (most: number, fronts = ''): Visitors =>
  new Visitors({
    connectionsPerAddress: most,
    requestsPerAddress: most,
    trust: { fronts: parseRanges(fronts), header: 'none' },
  })

test('each address has its own connections, which a close frees', () => {
  const visitors = visitorsOf(2)
  const first = visitors.arrive('192.0.2.1') as Visitor
  expect(visitors.arrive('192.0.2.1')).toBe(first)
  expect(visitors.arrive('192.0.2.1')).toBeUndefined()
  expect(visitors.arrive('192.0.2.2')).toBeDefined()
  visitors.leave(first)
  expect(visitors.arrive('192.0.2.1')).toBe(first)
})

test('each address has its own requests', () => {
  const visitors = visitorsOf(1)
  const visitor = visitors.arrive('192.0.2.1') as Visitor
  expect(visitors.maySend(visitor)).toBe(true)
  visitor.requests++
  expect(visitors.maySend(visitor)).toBe(false)
})

test('an IPv6 /64 counts as one address', () => {
  const visitors = visitorsOf(1)
  expect(visitors.arrive('2001:db8::1')).toBeDefined()
  expect(visitors.arrive('2001:db8::2')).toBeUndefined()
  expect(visitors.arrive('2001:db8:0:1::1')).toBeDefined()
})

test.each(['10.1.2.3', '::1', 'fd00::7'])('a front (%s) has no limit', (address) => {
  const visitors = visitorsOf(1, '10.0.0.0/8, ::1,fd00::/8')
  for (let count = 0; count < 3; count++) {
    const visitor = visitors.arrive(address) as Visitor
    visitor.requests++
    expect(visitors.maySend(visitor)).toBe(true)
  }
})

test('0 means no limit', () => {
  const visitors = visitorsOf(0)
  for (let count = 0; count < 3; count++) expect(visitors.arrive('192.0.2.1')).toBeDefined()
})

test.each(['x', '10.0.0.0/33', '10.0.0.0/8/9', '10.0.0.0/-1', '::1/129'])('%s is not a range', (text) => {
  expect(() => parseRanges(text)).toThrow(RangeError)
})

/** A front names a client per request, and anyone can make it name another one each time. */
test('a client that a front names is kept only while its request runs', () => {
  const visitors = new Visitors({
    connectionsPerAddress: 1,
    requestsPerAddress: 1,
    trust: { fronts: parseRanges('10.0.0.0/8'), header: 'x-forwarded-for' },
  })
  const front = visitors.arrive('10.0.0.1') as Visitor
  const client = { context: { address: '10.0.0.1', visitor: front } } as Client
  const from = (address: string): Visitor =>
    visitors.senderOf(client, { get: () => address, getAll: () => [address] } as unknown as Head).visitor
  for (let count = 0; count < 100; count++) from(`192.0.2.${count}`)
  expect(visitors.size).toBe(1)
  const first = from('192.0.2.1')
  visitors.begin(first)
  expect(visitors.maySend(from('192.0.2.1'))).toBe(false)
  visitors.done(first)
  expect(visitors.size).toBe(1)
})
