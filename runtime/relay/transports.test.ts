/** The conformance suite: both transports of circuits promise the same to a worker. */
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hasEtcd, TestEtcd } from '../etcd/fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { patchCircuit } from './coordinator/circuits/change.ts'
import { createCircuit } from './coordinator/circuits/create.ts'
import { subdomain } from './coordinator/circuits/fixture.ts'
import { deleteCircuit } from './coordinator/circuits/remove.ts'
import { type TestServer, testServer } from './coordinator/store/fixture.ts'
import { factsFor, type Follower, TestCoordinators } from './fixture-transports.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(async () => {
  await cleanUp()
  await server.closeStores()
})
afterAll(() => server.stop())

const TRANSPORTS = [
  {
    name: 'PostgreSQL and WebSocket',
    isHere: true,
    start: () => TestCoordinators.start(server),
    follow: (coordinators: TestCoordinators, name = 'one', more = {}) =>
      coordinators.followLink(factsFor(name, more)),
    refusal: 'coordinator message refused',
  },
  {
    name: 'etcd',
    isHere: hasEtcd,
    start: async () => TestCoordinators.start(server, await TestEtcd.start()),
    follow: (coordinators: TestCoordinators, name = 'one', more = {}) =>
      coordinators.followEtcd(factsFor(name, more)),
    refusal: 'this coordinator does not write to etcd any more',
  },
]

const create = ({ context, caller }: TestCoordinators, key: string, more: object = {}) =>
  createCircuit(context, caller, subdomain(key, more))

const remove = ({ context, caller }: TestCoordinators, key: string) =>
  deleteCircuit(context, caller, key, 0, undefined)

const keysOf = ({ circuits }: Follower): string => [...circuits.keys()].sort().join()

describe.each(TRANSPORTS)('over $name', ({ isHere, start, follow, refusal }) => {
  describe.skipIf(!isHere)('a worker', { timeout: 60_000 }, () => {
    test('gets all circuits of its group that select it, and no others', async () => {
      const coordinators = await start()
      const { store } = coordinators.context
      await store.write((tx) => tx.insertInto('worker_groups').values({ name: 'other' }).execute())
      await create(coordinators, 'a')
      await create(coordinators, 'session-42/jupyter')
      await create(coordinators, 'gpu', { placement: { selector: { gpu: 'yes' } } })
      await create(coordinators, 'elsewhere', { placement: { group: 'other' } })
      await coordinators.lead(1)
      const one = await follow(coordinators)
      await until(() => keysOf(one) === 'a,session-42/jupyter')
      const two = await follow(coordinators, 'two', { labels: { gpu: 'yes' } })
      await until(() => keysOf(two) === 'a,gpu,session-42/jupyter')
      const target = one.circuits.get('a')?.targets[0]
      expect(target).toMatchObject({ id: 'a', address: '127.0.0.1:8888', weight: 1 })
      expect(one.circuits.get('a')).toEqual(two.circuits.get('a'))
    })

    test('gets changes in order', async () => {
      const coordinators = await start()
      await coordinators.lead(1)
      await create(coordinators, 'a')
      const one = await follow(coordinators)
      await until(() => one.circuits.has('a'))
      let last = 0
      for (let i = 0; i < 20; i++) {
        await patchCircuit(
          coordinators.context,
          coordinators.caller,
          'a',
          { rewrite: { pathPrefix: `/${i}` } },
          undefined,
        )
        const version = one.circuits.get('a')?.version ?? 0
        expect(version).toBeGreaterThanOrEqual(last)
        last = version
      }
      await until(() => one.circuits.get('a')?.rewrite?.pathPrefix === '/19')
      const order = one.steps.map(([term, epoch]) => term * 1e6 + epoch)
      expect(order).toEqual([...order].sort((a, b) => a - b))
    })

    test('loses circuits that are removed, also if their key comes again', async () => {
      const coordinators = await start()
      await coordinators.lead(1)
      await create(coordinators, 'a')
      await create(coordinators, 'b')
      const one = await follow(coordinators)
      await until(() => keysOf(one) === 'a,b')
      const before = one.circuits.get('a')?.id
      await remove(coordinators, 'a')
      await until(() => keysOf(one) === 'b')
      await create(coordinators, 'a')
      await until(() => keysOf(one) === 'a,b')
      expect(one.circuits.get('a')?.id).not.toBe(before)
      await remove(coordinators, 'a')
      await remove(coordinators, 'b')
      await until(() => keysOf(one) === '')
    })

    test('keeps what it has while its connection is cut, and then catches up', async () => {
      const coordinators = await start()
      await coordinators.lead(1)
      await create(coordinators, 'kept')
      await create(coordinators, 'removed')
      const [one, other] = [await follow(coordinators), await follow(coordinators, 'other')]
      await until(() => keysOf(one) === 'kept,removed' && keysOf(other) === 'kept,removed')
      one.cable.cut()
      await remove(coordinators, 'removed')
      await create(coordinators, 'new')
      await until(() => keysOf(other) === 'kept,new')
      expect(keysOf(one)).toBe('kept,removed')
      one.cable.mend()
      await until(() => keysOf(one) === 'kept,new')
    })

    test('that was away gets what there is when it returns', async () => {
      const coordinators = await start()
      await coordinators.lead(1)
      await create(coordinators, 'before')
      const first = await follow(coordinators)
      await until(() => keysOf(first) === 'before')
      await first.stop()
      await remove(coordinators, 'before')
      await create(coordinators, 'after')
      const again = await follow(coordinators)
      await until(() => keysOf(again) === 'after')
      expect(keysOf(first)).toBe('before')
    })

    test('takes nothing of a leader that was paused while another one took over', async () => {
      const coordinators = await start()
      const paused = await coordinators.lead(1)
      await create(coordinators, 'first')
      const one = await follow(coordinators)
      await until(() => keysOf(one) === 'first')
      const leading = await coordinators.lead(2)
      await create(coordinators, 'second')
      await until(() => keysOf(one) === 'first,second' && one.steps.at(-1)?.[0] === 2)
      await leading.stop()
      coordinators.reach(paused)
      await create(coordinators, 'third')
      await until(() => coordinators.log.includes(refusal))
      expect(keysOf(one)).toBe('first,second')
      await coordinators.lead(3)
      await until(() => keysOf(one) === 'first,second,third')
      expect(one.steps.at(-1)?.[0]).toBe(3)
      const terms = one.steps.map(([term]) => term)
      expect(terms).toEqual([...terms].sort((a, b) => a - b))
    })

    test('gets 10,000 circuits, whole tables only, and a change of one of them alone', async () => {
      const coordinators = await start()
      await coordinators.lead(1)
      await create(coordinators, 'a')
      const one = await follow(coordinators)
      await until(() => keysOf(one) === 'a')
      await coordinators.context.store.change({ actor: 'system' }, ({ tx }) =>
        sql`insert into circuits (key, frontend, host_label, spec)
            select 'c' || n, 'subdomain', 'c' || n, '{}' from generate_series(1, 10000) n`.execute(tx),
      )
      let partial = 0
      await until(() => {
        const { size } = one.circuits
        if (size !== 1 && size !== 10_001) partial++
        return size === 10_001
      })
      expect(partial).toBe(0)
      const same = one.circuits.get('c5000')
      await create(coordinators, 'b')
      await until(() => one.circuits.has('b'))
      expect(one.circuits.get('c5000')).toBe(same)
    })
  })
})
