import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Balancer, type Balancing, type EndpointUpstream, MAX_TRIES } from './balance.ts'
import type { Destination } from '../table/table.ts'
import { weightsOf, Weights } from '../../proxy/weights.ts'

const weighted = (...weights: number[]): Destination => ({
  environment: 'alice',
  onUnavailable: 'baseline',
  endpoints: weights.map((weight, port) => ({
    authority: `a:${port + 1}`,
    host: 'a',
    port: port + 1,
    weight,
  })),
})

/** How often each endpoint comes first, by place. */
function firsts(balancer: Balancer, to: Destination, rounds: number): number[] {
  const counts = to.endpoints.map(() => 0)
  for (let round = 0; round < rounds; round++) {
    const place = Number(balancer.pick(to)[0]?.key.slice(2)) - 1
    counts[place] = (counts[place] ?? 0) + 1
  }
  return counts
}

/** All endpoints, by place. */
function all(balancer: Balancer, to: Destination): EndpointUpstream[] {
  const found = new Map<string, EndpointUpstream>()
  for (let round = 0; round < 10_000 && found.size < to.endpoints.length; round++) {
    for (const endpoint of balancer.pick(to)) found.set(endpoint.key, endpoint)
  }
  return to.endpoints.map(({ authority }) => found.get(authority) as EndpointUpstream)
}

test('equal weights count as none, so that the fast path is used', () => {
  expect(weightsOf([])).toBeUndefined()
  expect(weightsOf([7, 7])).toBeUndefined()
  expect(weightsOf([0, 0])).toBeUndefined()
  expect(weightsOf([0, 1])).toBeDefined()
})

const someWeights = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 20 })), { minLength: 2, maxLength: 8 })
  .filter((all) => all.some((weight) => weight !== all[0]))

test('in every whole turn, wherever it begins, each endpoint has exactly its share', () => {
  fc.assert(
    fc.property(someWeights, fc.nat({ max: 50 }), (of, skipped) => {
      const weights = new Weights(of)
      const total = of.reduce((sum, weight) => sum + weight, 0)
      for (let step = 0; step < skipped; step++) weights.next(() => false)
      const counts = of.map(() => 0)
      for (let step = 0; step < total; step++) {
        const place = weights.next(() => false)
        counts[place] = (counts[place] as number) + 1
      }
      expect(counts).toEqual(of)
    }),
  )
})

test('turns are smooth: an endpoint with 5 of 7 does not come five times in a row', () => {
  const weights = new Weights([5, 1, 1])
  const turn = Array.from({ length: 70 }, () => weights.next(() => false)).join('')
  expect(turn).not.toContain('00000')
})

test('a random place is never the excluded one, and never one of weight 0', () => {
  fc.assert(
    fc.property(someWeights, (of) => {
      const weights = new Weights(of)
      const one = weights.random()
      expect(of[one]).toBeGreaterThan(0)
      expect(weights.some).toBe(of.filter((weight) => weight > 0).length)
      if (weights.some < 2) return
      const two = weights.random(one)
      expect(of[two]).toBeGreaterThan(0)
      expect(two).not.toBe(one)
    }),
    { numRuns: 2_000 },
  )
})

describe.each<Balancing>(['least-outstanding', 'round-robin'])('%s', (balancing) => {
  test('gives each endpoint its share if nothing is outstanding', () => {
    const counts = firsts(new Balancer(balancing), weighted(5, 3, 2), 20_000)
    for (const [place, share] of [0.5, 0.3, 0.2].entries()) {
      expect(Math.abs((counts[place] as number) / 20_000 - share)).toBeLessThan(0.02)
    }
  })

  test('uses an endpoint of weight 0 only if there is no other', () => {
    const balancer = new Balancer(balancing)
    const to = weighted(0, 3, 0, 1)
    expect(firsts(balancer, to, 2_000).map((count) => count > 0)).toEqual([false, true, false, true])
    const every = all(balancer, to)
    const [, heavy, , light] = every
    // It comes after the others in the order of attempts.
    expect(balancer.pick(to).slice(0, 2)).toEqual(expect.arrayContaining([heavy, light]))
    heavy?.failed('unreachable')
    expect(firsts(balancer, to, 200)).toEqual([0, 0, 0, 200])
    light?.failed('unreachable')
    const counts = firsts(balancer, to, 200)
    expect((counts[0] as number) + (counts[2] as number)).toBe(200)
    for (const endpoint of every) endpoint.failed('unreachable')
    expect(balancer.pick(to)).toHaveLength(MAX_TRIES)
  })

  test('distributes the share of a failing endpoint by the weights of the others', () => {
    const balancer = new Balancer(balancing)
    const to = weighted(10, 3, 1)
    all(balancer, to)[0]?.failed('unreachable')
    const [dead, more, less] = firsts(balancer, to, 8_000)
    expect(dead).toBe(0)
    expect((more as number) / (less as number)).toBeGreaterThan(2)
  })
})

test('least outstanding compares outstanding requests relative to the weights', () => {
  const balancer = new Balancer()
  const to = weighted(4, 1)
  const [heavy, light] = all(balancer, to) as [EndpointUpstream, EndpointUpstream]
  heavy.outstanding = 7
  light.outstanding = 2
  expect(firsts(balancer, to, 200)).toEqual([200, 0])
  heavy.outstanding = 9
  expect(firsts(balancer, to, 200)).toEqual([0, 200])
})
