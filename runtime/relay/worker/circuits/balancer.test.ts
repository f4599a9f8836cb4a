import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Balanced, Balancer, MAX_TRIES } from './balancer.ts'

interface TestTarget extends Balanced {
  id: string
  weight: number
  outstanding: number
  takes: boolean
  ejectedUntilMs: number
}

const targetOf = (id: string, more: Partial<TestTarget> = {}): TestTarget => ({
  id,
  weight: 1,
  outstanding: 0,
  takes: true,
  ejectedUntilMs: 0,
  ...more,
})

const targetsOf = (...weights: number[]): TestTarget[] =>
  weights.map((weight, index) => targetOf(`t${index}`, { weight }))

/** How many of these requests each target gets. */
function countsOf(balancer: Balancer<TestTarget>, requests: number, nowMs = 0): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let index = 0; index < requests; index++) {
    const id = balancer.pick(nowMs)[0]?.id ?? 'none'
    counts[id] = (counts[id] ?? 0) + 1
  }
  return counts
}

const flags = fc.array(fc.record({ takes: fc.boolean(), ejected: fc.boolean(), weight: fc.nat(5) }), {
  minLength: 1,
  maxLength: 12,
})

describe('round robin', () => {
  test('each target gets the same number, whatever its weight', () => {
    expect(countsOf(new Balancer('round-robin', targetsOf(1, 5, 9)), 300)).toEqual({
      t0: 100,
      t1: 100,
      t2: 100,
    })
  })

  test('the others stay even while one is left out', () => {
    const targets = targetsOf(1, 1, 1, 1)
    ;(targets[1] as TestTarget).ejectedUntilMs = 10
    const balancer = new Balancer('round-robin', targets)
    expect(countsOf(balancer, 300, 0)).toEqual({ t0: 100, t2: 100, t3: 100 })
    expect(countsOf(balancer, 400, 10)).toEqual({ t0: 100, t1: 100, t2: 100, t3: 100 })
  })
})

describe('weighted', () => {
  test('in each turn, every target gets as many requests as its weight', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }), (weights) => {
        const balancer = new Balancer('weighted', targetsOf(...weights))
        const sum = weights.reduce((total, weight) => total + weight, 0)
        const counts = countsOf(balancer, sum * 3)
        const isEqual = new Set(weights).size === 1
        for (const [index, weight] of weights.entries())
          expect(counts[`t${index}`]).toBe(isEqual ? (sum * 3) / weights.length : weight * 3)
      }),
    )
  })

  test('weights that change apply to the next request', () => {
    const targets = targetsOf(1, 1)
    const balancer = new Balancer('weighted', targets)
    countsOf(balancer, 7)
    ;(targets[0] as TestTarget).weight = 3
    balancer.changed()
    expect(countsOf(balancer, 400)).toEqual({ t0: 300, t1: 100 })
  })
})

test('least connections: the least occupied target is chosen, and equal ones take turns', () => {
  const targets = targetsOf(1, 1, 1)
  const balancer = new Balancer('least-connections', targets)
  ;(targets[1] as TestTarget).outstanding = 5
  expect(countsOf(balancer, 100)).toEqual({ t0: 50, t2: 50 })
  fc.assert(
    fc.property(fc.array(fc.nat(4), { minLength: 2, maxLength: 8 }), (loads) => {
      const loaded = loads.map((outstanding, index) => targetOf(`t${index}`, { outstanding }))
      const [first] = new Balancer('least-connections', loaded).pick(0)
      expect(first?.outstanding).toBe(Math.min(...loads))
    }),
  )
})

test.each(['round-robin', 'weighted', 'least-connections'] as const)(
  '%s: weight 0 is a last resort, and what drains, is unhealthy or ejected gets no request',
  (balancing) => {
    fc.assert(
      fc.property(flags, (described) => {
        const targets = described.map(({ takes, ejected, weight }, index) =>
          targetOf(`t${index}`, { takes, weight, ejectedUntilMs: ejected ? 10 : 0 }),
        )
        const balancer = new Balancer(balancing, targets)
        const usable = targets.filter(({ takes }) => takes)
        const present = usable.filter(({ ejectedUntilMs }) => ejectedUntilMs === 0)
        const trusted = present.length > 0 ? present : usable
        const weighted = trusted.filter(({ weight }) => weight > 0)
        const permitted = weighted.length > 0 ? weighted : trusted
        const picks = Array.from({ length: 20 }, () => balancer.pick(0))
        expect(picks.every((picked) => picked.length <= MAX_TRIES)).toBe(true)
        expect(picks.every((picked) => new Set(picked).size === picked.length)).toBe(true)
        const wrong = picks.filter(([first]) => first !== undefined && !permitted.includes(first))
        expect(wrong).toEqual([])
        expect(picks.some(([first]) => first === undefined)).toBe(usable.length === 0)
      }),
    )
  },
)

test('turns continue over a change of the targets', () => {
  const targets = targetsOf(1, 1, 1)
  const balancer = new Balancer('round-robin', targets)
  const seen: string[] = []
  for (let request = 0; request < 30; request++) {
    balancer.update('round-robin', [...targets])
    seen.push(balancer.pick(0)[0]?.id ?? '')
  }
  for (const id of ['t0', 't1', 't2']) expect(seen.filter((it) => it === id)).toHaveLength(10)
})
