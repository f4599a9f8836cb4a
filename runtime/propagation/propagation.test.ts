import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Load, SimulatedShop, type SimulatedService } from './simulation.fixture.ts'

const MINUTE_MS = 60_000
const NAMES = ['gateway', 'orders', 'stock', 'prices', 'mail', 'audit', 'search', 'tax']

/** A shop whose first services are a chain, with further services that any service of the chain may call. */
const shop = fc.record({
  chain: fc.integer({ min: 2, max: 5 }),
  others: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
})

function servicesOf(
  { chain, others }: { chain: number; others: readonly number[] },
  dropper: number,
): SimulatedService[] {
  const names = NAMES.slice(0, chain)
  const leaves = NAMES.slice(chain, chain + others.length)
  const services = names.map((name, index) => {
    const next = names[index + 1]
    const more = leaves.filter((_, leaf) => Math.min(others[leaf] ?? 0, chain - 1) === index)
    return { name, calls: next === undefined ? more : [...more, next], drops: index === dropper }
  })
  return [...services, ...leaves.map((name) => ({ name, calls: [], drops: false }))]
}

const pairsOf = (services: readonly SimulatedService[]): [string, string][] =>
  services.flatMap(({ name, calls }) => calls.map((callee): [string, string] => [name, callee]))

const skewMs = fc.constantFrom(0, 2, 4)
const seed = fc.integer()
/** Jobs of services that call others without a key, at random or regular times. */
const job = fc.record({
  pair: fc.nat(),
  everyMs: fc.integer({ min: 700, max: 20_000 }),
  regular: fc.boolean(),
})

function jobsOf(
  services: readonly SimulatedService[],
  jobs: readonly { pair: number; everyMs: number; regular: boolean }[],
): Load[] {
  const pairs = pairsOf(services)
  return jobs.map(({ pair, everyMs, regular }) => {
    const [from = '', to = ''] = pairs[pair % pairs.length] ?? []
    return { service: to, key: undefined, everyMs, regular, job: from }
  })
}

test('the service that loses the key is named within a few requests, in any mixed load', () => {
  const counts: number[] = []
  fc.assert(
    fc.property(
      shop,
      fc.nat(),
      fc.integer({ min: 500, max: 5_000 }),
      fc.option(fc.integer({ min: 2_000, max: 10_000 }), { nil: undefined }),
      fc.array(job, { maxLength: 2 }),
      skewMs,
      seed,
      (shape, which, everyMs, visitorsMs, jobs, skew, random) => {
        const dropper = which % (shape.chain - 1)
        const services = servicesOf(shape, dropper)
        const override = NAMES[shape.chain - 1] as string
        const loads: Load[] = [{ service: 'gateway', key: 'alice', everyMs }, ...jobsOf(services, jobs)]
        if (visitorsMs !== undefined) loads.push({ service: 'gateway', key: undefined, everyMs: visitorsMs })
        const branch = { key: 'alice', overrides: [override] }
        const simulated = new SimulatedShop({ services, branch, loads, seed: random, skewMs: skew })
        simulated.run(100 * everyMs + 10_000, () => simulated.findings.length > 0)
        counts.push(simulated.served.get('alice') ?? 0)
        expect(simulated.findings).toEqual([
          { override, environment: 'baseline', by: NAMES[dropper], called: NAMES[dropper + 1] },
        ])
      },
    ),
    { numRuns: 60 },
  )
  expect(counts.toSorted((one, other) => one - other)[30]).toBeLessThanOrEqual(10)
})

test('a job whose calls drift across regular requests is not mistaken for them', () => {
  const services = servicesOf({ chain: 2, others: [] }, -1)
  const branch = { key: 'alice', overrides: ['orders'] }
  const visits = { service: 'gateway', key: 'alice', regular: true, pages: [] }
  fc.assert(
    fc.property(
      fc.constantFrom(1_000, 2_000, 5_000),
      fc.constantFrom(1, 2, 3),
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      seed,
      (everyMs, times, driftMs, isLate, random) => {
        const loads: Load[] = [
          { ...visits, everyMs: everyMs * times, ...(isLate && { afterMs: 20 * everyMs }) },
          { service: 'orders', key: undefined, everyMs: everyMs + driftMs, regular: true, job: 'gateway' },
        ]
        const simulated = new SimulatedShop({ services, branch, loads, seed: random, skewMs: 0 })
        // If both begin at the same moment, only time can show that it is chance.
        simulated.run(400 * everyMs, () => isLate && simulated.findings.length > 0)
        expect(simulated.findings).toEqual([])
      },
    ),
    { numRuns: 20 },
  )
})

test('the service is also named if its requests are regular and a regular job calls as well', () => {
  const services = servicesOf({ chain: 2, others: [] }, 0)
  const branch = { key: 'alice', overrides: ['orders'] }
  fc.assert(
    fc.property(
      fc.constantFrom(1_000, 3_000),
      fc.integer({ min: 700, max: 9_000 }),
      seed,
      (everyMs, job, random) => {
        const loads: Load[] = [
          { service: 'gateway', key: 'alice', everyMs, regular: true },
          { service: 'orders', key: undefined, everyMs: job, regular: true, job: 'gateway' },
        ]
        const simulated = new SimulatedShop({ services, branch, loads, seed: random, skewMs: 0 })
        simulated.run(180_000, () => simulated.findings.length > 0)
        expect(simulated.findings).toHaveLength(1)
      },
    ),
    { numRuns: 40 },
  )
})

/** Which calls the pages of a client cause. */
const pages = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 })

test('no service is named in a minute of mixed load if all forward the key', () => {
  fc.assert(
    fc.property(
      shop,
      fc.integer({ min: 100, max: 3_000 }),
      fc.integer({ min: 100, max: 10_000 }),
      pages,
      fc.array(job, { maxLength: 3 }),
      fc.boolean(),
      skewMs,
      seed,
      (shape, everyMs, visitorsMs, shown, jobs, regular, skew, random) => {
        const services = servicesOf(shape, -1)
        const pairs = pairsOf(services)
        const own = pairs.filter((_, index) => shown[index % shown.length]).map((pair) => pair.join('>'))
        const loads: Load[] = [
          { service: 'gateway', key: 'alice', everyMs, pages: own, regular },
          { service: 'gateway', key: 'bob', everyMs: visitorsMs, pages: own },
          { service: 'gateway', key: undefined, everyMs: visitorsMs },
          // Probes of the kubelet come from an address that is not a pod's.
          ...services.map(({ name }) => ({
            service: name,
            key: undefined,
            everyMs: 1_000,
            regular: true,
            pages: [],
          })),
          ...jobsOf(services, jobs),
        ]
        const branch = { key: 'alice', overrides: [NAMES[shape.chain - 1] as string] }
        const simulated = new SimulatedShop({ services, branch, loads, seed: random, skewMs: skew })
        simulated.run(MINUTE_MS, () => simulated.findings.length > 0)
        expect(simulated.findings).toEqual([])
      },
    ),
    { numRuns: 60 },
  )
})
