/** Relays with a real etcd: what goes through it, what never does, and what stays there. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { createClient } from '@branchline/wire/circuits/client'
import { ETCD_KEYS } from '@branchline/wire/circuits/etcd'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Cable } from '../etcd/cable.fixture.ts'
import type { EtcdClient } from '../etcd/client.ts'
import { hasEtcd, silent, TestEtcd } from '../etcd/fixture.ts'
import { KeptKey } from '../etcd/kept-key.ts'
import { encode, type Entry, prefixOf, readRange } from '../etcd/range.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { createCircuit } from './coordinator/circuits/create.ts'
import { addWorker, subdomain } from './coordinator/circuits/fixture.ts'
import { type TestServer, testServer } from './coordinator/store/fixture.ts'
import { appFor, visit } from './fixture.ts'
import { RelayProcess } from './fixture-process.ts'
import { TestCoordinators } from './fixture-transports.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(async () => {
  await cleanUp()
  await server.closeStores()
})
afterAll(() => server.stop())

const allOf = async (client: EtcdClient): Promise<Entry[]> =>
  (await readRange(client, { from: '\0', to: '\u{10FFFF}' })).entries

const keysOf = async (client: EtcdClient): Promise<string> =>
  (await allOf(client)).map(({ key }) => key.replace('/branchline/', '')).join()

describe.skipIf(!hasEtcd)('with a real etcd', { timeout: 60_000 }, () => {
  test('a worker that no coordinator reaches serves new circuits, and etcd has no secret', async () => {
    const etcd = await TestEtcd.start()
    const { endpoint } = await appFor(({ headers }, response) => response.end(headers['x-secret'] ?? 'app'))
    const coordinator = await RelayProcess.start({
      BRANCHLINE_ROLE: 'coordinator',
      BRANCHLINE_ETCD: etcd.url,
    })
    const { api, key = '' } = coordinator.addresses
    const client = createClient({ url: api, key })
    const { secret } = await client.createJoinToken({ body: { name: 'test' } })
    const cable = await Cable.to(api)
    const worker = await RelayProcess.start({
      BRANCHLINE_ROLE: 'worker',
      BRANCHLINE_COORDINATORS: cable.url,
      BRANCHLINE_JOIN_TOKEN: secret,
      BRANCHLINE_WORKER_NAME: 'one',
      BRANCHLINE_ETCD: etcd.url,
    })
    const bodyOf = async (label: string): Promise<string> =>
      (await visit(worker.httpPort, { host: `${label}.localhost` })).body
    const circuit = {
      frontend: { type: 'subdomain' as const },
      access: { type: 'public' as const },
      targets: [{ address: endpoint }],
    }
    const headers = { 'x-secret': 'value-of-a-field' }
    await client.createCircuit({ body: { ...circuit, key: 'fields', rewrite: { headers } } })
    await client.createCircuit({ body: { ...circuit, key: 'first' } })
    await until(async () => (await bodyOf('fields')) === 'value-of-a-field')
    const { id } = await client.getWorker({ params: { worker: 'one' } })
    await until(async () => (await keysOf(etcd.client())).includes(`workers/${id}`))
    const token = await client.createAccessToken({ body: { name: 'visitor' } })
    cable.cut()
    await client.createCircuit({ body: { ...circuit, key: 'later' } })
    await until(async () => (await bodyOf('later')) === 'app')
    await client.deleteCircuit({ params: { key: 'first' } })
    await until(async () => (await bodyOf('first')) !== 'app')
    // What only the coordinator sends stays as it was.
    expect(await bodyOf('fields')).toBe('value-of-a-field')
    cable.mend()
    await until(async () => (await client.getWorker({ params: { worker: 'one' } })).state === 'ready')
    const stored = JSON.stringify(await allOf(etcd.client()))
    expect(stored).toContain('later')
    for (const text of [key, secret, token.secret]) {
      expect(stored).not.toContain(text)
      expect(stored).not.toContain(createHash('sha256').update(text).digest('hex'))
    }
    expect(stored).not.toMatch(/value-of-a-field|hash|bl[a-z]_|[0-9a-f]{64}/i)
    // A worker that ends leaves nothing; circuits stay.
    await worker.end()
    await until(async () => (await keysOf(etcd.client())) === 'circuits/fields,circuits/later,epoch,term')
    expect(await coordinator.end()).toBe(0)
  })

  test('a coordinator repairs what etcd has lost, and removes what is of no circuit', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const orphan = `${ETCD_KEYS.circuits}orphan`
    await client.call('kv/put', { key: encode(orphan), value: encode('{"not":"a circuit"}') })
    const coordinators = await TestCoordinators.start(server, etcd)
    const { context, caller } = coordinators
    await createCircuit(context, caller, subdomain('a'))
    await coordinators.lead(1)
    await until(async () => (await keysOf(client)) === 'circuits/a,epoch,term')
    const { from: key, to } = prefixOf('/branchline/')
    await client.call('kv/deleterange', { key: encode(key), range_end: encode(to) })
    await until(async () => (await keysOf(client)) === 'circuits/a,epoch,term')
    // Nothing is orphaned after a lost connection either.
    await etcd.kill()
    await createCircuit(context, caller, subdomain('b'))
    await etcd.begin()
    await until(async () => (await keysOf(client)) === 'circuits/a,circuits/b,epoch,term')
    expect(coordinators.log).toContain('trying again')
  })

  test('only what has changed is written', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const coordinators = await TestCoordinators.start(server, etcd)
    const { context, caller } = coordinators
    for (const key of ['a', 'b', 'c']) await createCircuit(context, caller, subdomain(key))
    const first = await coordinators.lead(1)
    await until(async () => (await keysOf(client)) === 'circuits/a,circuits/b,circuits/c,epoch,term')
    const revisions = async () =>
      new Map(
        (await allOf(client)).map(({ key: name, revision }) => [name.slice('/branchline/'.length), revision]),
      )
    const before = await revisions()
    await createCircuit(context, caller, subdomain('d'))
    await until(async () => (await keysOf(client)).includes('circuits/d'))
    // Also by a new leader.
    await first.stop()
    await coordinators.lead(2)
    await until(async () => ((await revisions()).get('term') ?? 0) > (before.get('term') ?? 0))
    const after = await revisions()
    for (const key of ['a', 'b', 'c'])
      expect(after.get(`circuits/${key}`)).toBe(before.get(`circuits/${key}`))
  })

  test('the coordinators of two databases do not take turns', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const [one, two] = [
      await TestCoordinators.start(server, etcd),
      await TestCoordinators.start(server, etcd),
    ]
    await createCircuit(one.context, one.caller, subdomain('one'))
    await createCircuit(two.context, two.caller, subdomain('two'))
    // Test databases are copies.
    await two.context.store.write((tx) => sql`update relay set instance = gen_random_uuid()`.execute(tx))
    await one.lead(5)
    await until(async () => (await keysOf(client)) === 'circuits/one,epoch,term')
    await two.lead(1)
    await until(async () => (await keysOf(client)) === 'circuits/two,epoch,term')
    await until(() => one.log.includes('of another database'))
    await createCircuit(two.context, two.caller, subdomain('three'))
    await until(async () => (await keysOf(client)) === 'circuits/three,circuits/two,epoch,term')
    expect(two.log).not.toContain('does not write to etcd any more')
  })

  test('a worker that keeps its lease is not lost, although it does not reach the new leader', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const coordinators = await TestCoordinators.start(server, etcd)
    const { store } = coordinators.context
    const [id] = [await addWorker(store, 'alive'), await addWorker(store, 'gone')]
    const rows = () => store.read((db) => db.selectFrom('workers').select(['name', 'state']).execute())
    const stateOf = async (name: string) => (await rows()).find((row) => row.name === name)?.state
    const options = { client, key: `${ETCD_KEYS.workers}${id}`, value: '{}', logger: silent }
    const kept = new KeptKey(options)
    kept.start()
    await until(async () => (await keysOf(client)).includes('workers/'))
    await coordinators.lead(1, { absentMs: 500 })
    await until(async () => (await stateOf('gone')) === 'lost')
    expect(await stateOf('alive')).not.toBe('lost')
    await kept.stop()
    await until(async () => (await stateOf('alive')) === 'lost')
  })
})
