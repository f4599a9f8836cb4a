import { pino } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { ApiError } from '../api-error.ts'
import { createLease, type Lease } from './lease.ts'
import { type LeaseRecord, parseLease } from './record.ts'
import type { LeaseStore } from './store.ts'

// A tenth of the production times. The tests check their order.
const LIMITS = { leaseDurationSeconds: 0.5, renewDeadlineMs: 300, retryPeriodMs: 50, requestTimeoutMs: 100 }
const DEADLINE = { timeout: 5_000, interval: 5 }

/** A Lease with the one promise of the API server that matters: it refuses a write of an old version (409). */
class OneLease {
  spec: Record<string, unknown> | undefined
  version = 0
  writes = 0
  refused = 0
  reads = 0
  readonly down = new Set<string>()

  store(who: string): LeaseStore {
    const record = (): LeaseRecord =>
      parseLease({ metadata: { resourceVersion: String(this.version) }, spec: this.spec })
    const write = (expected: string | undefined, spec: Record<string, unknown>): Promise<LeaseRecord> => {
      if (this.down.has(who)) return this.#refuse()
      const current = this.spec === undefined ? undefined : String(this.version)
      if (current !== expected) return Promise.reject(new ApiError('lease', { status: 409 }))
      this.spec = spec
      this.version++
      this.writes++
      return Promise.resolve(record())
    }
    return {
      read: () => {
        if (this.down.has(who)) return this.#refuse()
        this.reads++
        return Promise.resolve(this.spec === undefined ? undefined : record())
      },
      create: (spec) => write(undefined, spec),
      replace: write,
    }
  }

  #refuse(): Promise<never> {
    this.refused++
    return Promise.reject(new Error('unreachable'))
  }
}

const started: Lease[] = []
afterEach(async () => {
  await Promise.all(started.splice(0).map((lease) => lease.stop()))
})

function replica(lease: OneLease, identity: string, log: string[]): Lease {
  const it = createLease({
    store: lease.store(identity),
    identity,
    logger: pino({ level: 'silent' }),
    limits: LIMITS,
    onElected: () => log.push(`+${identity}`),
    onLost: () => log.push(`-${identity}`),
    onFollowed: () => log.push(`${identity} follows`),
  })
  started.push(it)
  it.start()
  return it
}

/** Elects `a`, with `b` as a follower. */
async function pair() {
  const lease = new OneLease()
  const log: string[] = []
  const a = replica(lease, 'a', log)
  await vi.waitUntil(() => a.leading, DEADLINE)
  const b = replica(lease, 'b', log)
  await vi.waitUntil(() => b.holder === 'a', DEADLINE)
  return { lease, log, a, b }
}

test('one of many candidates leads, and continues to lead', async () => {
  const lease = new OneLease()
  const log: string[] = []
  const replicas = ['a', 'b', 'c', 'd'].map((name) => replica(lease, name, log))
  await vi.waitUntil(() => lease.writes >= 5, DEADLINE)
  expect(replicas.filter(({ leading }) => leading)).toHaveLength(1)
  expect(log).toHaveLength(1)
  expect(new Set(replicas.map(({ holder }) => holder)).size).toBe(1)
})

test('a leader that stops lets the next candidate take over immediately', async () => {
  const { lease, log, a, b } = await pair()
  const startMs = performance.now()
  await a.stop()
  expect(lease.spec).toMatchObject({ holderIdentity: '' })
  await vi.waitUntil(() => b.leading, DEADLINE)
  expect(performance.now() - startMs).toBeLessThan(LIMITS.leaseDurationSeconds * 1000)
  expect(log).toEqual(['+a', '-a', 'a follows', '+b'])
})

test('a leader that is cut off stops leading before another candidate begins', async () => {
  const { lease, log, a, b } = await pair()
  lease.down.add('a')
  await vi.waitUntil(() => b.leading, DEADLINE)
  expect(log).toEqual(['+a', '-a', '+b'])
  expect(a.leading).toBe(false)
  lease.down.delete('a')
  await vi.waitUntil(() => a.holder === 'b', DEADLINE)
  expect(log).toEqual(['+a', '-a', '+b', 'a follows'])
})

test('a short outage does not end a term', async () => {
  const { lease, log, a } = await pair()
  const writes = lease.writes
  lease.down.add('a')
  await vi.waitUntil(() => lease.refused >= 2, DEADLINE)
  lease.down.delete('a')
  await vi.waitUntil(() => lease.writes > writes, DEADLINE)
  expect(a.leading).toBe(true)
  expect(log).toEqual(['+a'])
})

test('during an outage of the API for all candidates, no other candidate leads; afterwards the same leader leads', async () => {
  const { lease, log, a } = await pair()
  for (const who of ['a', 'b']) lease.down.add(who)
  await vi.waitUntil(() => !a.leading, DEADLINE)
  const { refused } = lease
  const tries = (2 * LIMITS.leaseDurationSeconds * 1000) / LIMITS.retryPeriodMs
  await vi.waitUntil(() => lease.refused >= refused + 2 * tries, DEADLINE)
  // The candidate that did not lead reads the Lease first.
  lease.down.delete('b')
  const looks = lease.reads
  await vi.waitUntil(() => lease.reads >= looks + 2, DEADLINE)
  lease.down.delete('a')
  await vi.waitUntil(() => a.leading, DEADLINE)
  expect(log).toEqual(['+a', '-a', '+a'])
})

test('a leader notices that another candidate has taken the lease', async () => {
  const { lease, log, a } = await pair()
  lease.spec = { ...lease.spec, holderIdentity: 'c', leaseDurationSeconds: 60 }
  lease.version++
  await vi.waitUntil(() => !a.leading, DEADLINE)
  expect(log).toEqual(['+a', '-a', 'a follows'])
  await a.stop()
  expect(lease.spec).toMatchObject({ holderIdentity: 'c' })
})

test('a leader whose event loop hangs past the lease does not think that it leads', async () => {
  const { a } = await pair()
  const untilMs = performance.now() + LIMITS.leaseDurationSeconds * 1000
  while (performance.now() < untilMs);
  expect(a.leading).toBe(false)
})
