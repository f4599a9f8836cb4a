import { expect, test } from 'vitest'
import { Balancer, type Balancing, EJECTION_MS, EndpointUpstream, MAX_TRIES } from './balance.ts'
import type { Destination } from '../table/table.ts'

const destination = (count: number): Destination => weighted(...Array.from({ length: count }, () => 1))
const weighted = (...weights: number[]): Destination => ({
  environment: 'alice',
  onUnavailable: 'baseline',
  endpoints: weights.map((weight, index) => ({
    authority: `10.0.0.${index}:1`,
    host: `10.0.0.${index}`,
    port: 1,
    weight,
  })),
})

test('round robin chooses each in turn', () => {
  const balancer = new Balancer('round-robin')
  const five = destination(5)
  const first = Array.from({ length: 10 }, () => balancer.pick(five)[0]?.key)
  expect(new Set(first).size).toBe(5)
  expect(first.slice(5)).toEqual(first.slice(0, 5))
})

test('least outstanding avoids an endpoint that does not respond', () => {
  const balancer = new Balancer()
  const three = destination(3)
  const [stuck] = balancer.pick(three)
  if (stuck) stuck.outstanding = 100
  const counts = new Map<string, number>()
  for (let round = 0; round < 300; round++) {
    const key = balancer.pick(three)[0]?.key ?? ''
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  // Two different endpoints are compared, so the busiest of all is never chosen.
  expect(counts.get(stuck?.key ?? '')).toBeUndefined()
  expect(counts.size).toBe(2)
})

test.each<Balancing>(['least-outstanding', 'round-robin'])(
  '%s skips failing endpoints, tries none twice, and still tries the last one',
  (balancing) => {
    const balancer = new Balancer(balancing)
    const four = destination(4)
    const all = new Set<EndpointUpstream>()
    while (all.size < 4) for (const endpoint of balancer.pick(four)) all.add(endpoint)
    const [dead, ...alive] = all
    dead?.failed('unreachable')
    for (let round = 0; round < 50; round++) {
      const picked = balancer.pick(four)
      expect(new Set(picked).size).toBe(MAX_TRIES)
      expect(picked).not.toContain(dead)
    }
    for (const endpoint of alive) endpoint.failed('unreachable')
    expect(balancer.pick(four)).toHaveLength(MAX_TRIES)
  },
)

test('the health of an endpoint outlives its table', () => {
  const balancer = new Balancer()
  balancer.pick(destination(2)).forEach((endpoint) => endpoint.failed('unreachable'))
  expect(balancer.pick(destination(3))).toHaveLength(1)
})

test('three resets in a row eject, a refusal does at once, the time doubles, and a success ends it', () => {
  const endpoint = new EndpointUpstream('10.0.0.1', 1)
  endpoint.failed('closed', 1)
  endpoint.failed('closed', 2)
  expect(endpoint.ejected(3)).toBe(false)
  endpoint.succeeded()
  endpoint.failed('closed', 4)
  endpoint.failed('closed', 5)
  expect(endpoint.ejected(6)).toBe(false)
  endpoint.failed('closed', 7)
  expect(endpoint.ejected(7 + EJECTION_MS.first - 1)).toBe(true)
  const againMs = 7 + EJECTION_MS.first
  expect(endpoint.ejected(againMs)).toBe(false)
  endpoint.failed('unreachable', againMs)
  expect(endpoint.ejected(againMs + 2 * EJECTION_MS.first - 1)).toBe(true)
  for (let count = 0; count < 40; count++) endpoint.failed('unreachable', againMs + count * EJECTION_MS.max)
  expect(endpoint.ejected(againMs + 40 * EJECTION_MS.max)).toBe(false)
  endpoint.succeeded()
  expect(endpoint.spotless).toBe(true)
})
