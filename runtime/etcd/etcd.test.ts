/** The client against a real etcd (Debian's etcd-server). */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { freePort } from '../testing/ports.ts'
import { until } from '../testing/until.ts'
import { Cable } from './cable.fixture.ts'
import { EtcdClient } from './client.ts'
import { hasEtcd, QUICK, silent, TestEtcd } from './fixture.ts'
import { KeptKey } from './kept-key.ts'
import { encode, type Entry, prefixOf, readRange } from './range.ts'
import { transact } from './transaction.ts'
import { RangeWatch } from './watch.ts'

afterEach(cleanUp)

const put = (client: EtcdClient, key: string, value: string): Promise<unknown> =>
  client.call('kv/put', { key: encode(key), value: encode(value) })

const remove = (client: EtcdClient, key: string): Promise<unknown> =>
  client.call('kv/deleterange', { key: encode(key) })

async function compact(client: EtcdClient): Promise<void> {
  const { revision } = await readRange(client, prefixOf('/a/'))
  await client.call('kv/compaction', { revision: String(revision), physical: true })
}

function clientOf(cable: Cable, checkMs = QUICK.checkMs): EtcdClient {
  const client = new EtcdClient({ endpoints: [cable.url], limits: { ...QUICK, checkMs, requestMs: 1_000 } })
  later(() => client.close())
  return client
}

/** A watch of `/a/`, with what it knows. */
function follow(client: EtcdClient, marker?: string) {
  const known = new Map<string, string>()
  const seen: string[] = []
  const counts = { snapshots: 0, downs: 0 }
  const watch = new RangeWatch({
    client,
    range: prefixOf('/a/'),
    ...(marker !== undefined && { marker: prefixOf(marker) }),
    logger: silent,
    onSnapshot: (entries: readonly Entry[]) => {
      counts.snapshots++
      known.clear()
      for (const { key, value } of entries) known.set(key, value)
    },
    onEvents: (events) => {
      for (const { key, entry } of events) {
        seen.push(`${key}=${entry?.value ?? ''}`)
        if (entry === undefined) known.delete(key)
        else known.set(key, entry.value)
      }
    },
    onDown: () => counts.downs++,
  })
  watch.start()
  later(() => watch.stop())
  return { watch, known, seen, counts }
}

describe.skipIf(!hasEtcd)('with a real etcd', { timeout: 60_000 }, () => {
  test('a read returns one revision, in pages, with keys of any characters', async () => {
    const client = (await TestEtcd.start()).client({ pageKeys: 3 })
    const keys = ['/a/', '/a/ä', '/a/b/c', '/a/z', '/a/\u{10FFFF}', '/a/d', '/a/e']
    for (const key of keys) await put(client, key, `${key}!`)
    await put(client, '/b', 'another')
    const { entries } = await readRange(client, prefixOf('/a/'))
    expect(entries.map(({ key }) => key).sort()).toEqual([...keys].sort())
    for (const { key, value } of entries) expect(value).toBe(`${key}!`)
  })

  test('a transaction writes nothing if its condition does not hold', async () => {
    const client = (await TestEtcd.start()).client()
    expect(await transact(client, { key: '/t', revision: 0 }, [{ key: '/t', value: '1' }])).toBe(true)
    expect(await transact(client, { key: '/t', revision: 0 }, [{ key: '/t', value: '2' }])).toBe(false)
    const writes = [{ key: '/t' }, { key: '/a/x', value: 'x' }]
    expect(await transact(client, { key: '/t', value: '0' }, writes)).toBe(false)
    expect(await transact(client, { key: '/t', value: '1' }, writes)).toBe(true)
    expect((await readRange(client, { from: '/', to: '0' })).entries.map(({ key }) => key)).toEqual(['/a/x'])
  })

  test('a watch brings a snapshot, then every change in order', async () => {
    const client = (await TestEtcd.start()).client()
    await put(client, '/a/old', '0')
    const { known, seen, counts } = follow(client)
    await until(() => known.has('/a/old'))
    for (let i = 0; i < 50; i++) await put(client, '/a/x', String(i))
    await remove(client, '/a/x')
    await until(() => seen.at(-1) === '/a/x=')
    expect(seen).toEqual([...Array.from({ length: 50 }, (_, i) => `/a/x=${i}`), '/a/x='])
    expect(counts.snapshots).toBe(1)
  })

  test('a watch goes on after a lost connection, and misses nothing', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    await put(client, '/a/x', '0')
    const { known, seen, counts } = follow(client)
    await until(() => known.has('/a/x'))
    await etcd.kill()
    await until(() => counts.downs > 0)
    await etcd.begin()
    await put(client, '/a/x', '1')
    await put(client, '/a/x', '2')
    await until(() => known.get('/a/x') === '2')
    expect(seen).toEqual(['/a/x=1', '/a/x=2'])
    expect(counts.snapshots).toBe(1)
  })

  test('a watch whose revision is compacted reads the range again', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    await put(client, '/a/gone', '0')
    const cable = await Cable.to(etcd.url)
    const { known, counts } = follow(clientOf(cable))
    await until(() => known.has('/a/gone'))
    cable.cut()
    await until(() => counts.downs > 0)
    for (let i = 0; i < 10; i++) await put(client, '/a/x', String(i))
    await remove(client, '/a/gone')
    await compact(client)
    cable.mend()
    await until(() => known.get('/a/x') === '9')
    expect([...known.keys()]).toEqual(['/a/x'])
    expect(counts.snapshots).toBe(2)
  })

  test('a watch that has become silent is noticed, and begun again', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const cable = await Cable.to(etcd.url)
    for (const marker of [undefined, '/a/']) {
      await put(client, '/a/x', '0')
      const { known, counts } = follow(clientOf(cable), marker)
      await until(() => known.get('/a/x') === '0')
      cable.hold()
      await put(client, '/a/x', '1')
      await put(client, '/a/x', '2')
      await until(() => known.get('/a/x') === '2')
      expect(counts.snapshots).toBe(1)
    }
  })

  test('a slow watcher ends at the newest value, and holds nothing up', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const cable = await Cable.to(etcd.url)
    await put(client, '/a/x', '0')
    const slow = follow(clientOf(cable, 60_000))
    const other = follow(client)
    await until(() => slow.known.has('/a/x') && other.known.has('/a/x'))
    cable.hold()
    const large = 'x'.repeat(100_000)
    for (let i = 0; i < 60; i++) await put(client, '/a/x', large + i)
    await until(() => other.known.get('/a/x')?.endsWith('x59'))
    expect(slow.known.get('/a/x')).toBe('0')
    await compact(client)
    cable.release()
    // By the changes in between, or by reading again what was compacted: the sizes of the buffers decide.
    await until(() => slow.known.get('/a/x')?.endsWith('x59'))
  })

  test('a watch of a store that has lost its data reads it again', async () => {
    const [one, two] = [await TestEtcd.start(), await TestEtcd.start()]
    const endpoints = [one.url, two.url]
    const client = new EtcdClient({ endpoints, limits: QUICK })
    later(() => client.close())
    for (let i = 0; i < 20; i++) await put(client, '/a/x', String(i))
    const { known } = follow(client)
    await until(() => known.get('/a/x') === '19')
    await put(two.client(), '/a/y', 'new')
    await one.kill()
    await until(() => known.has('/a/y'))
    expect([...known]).toEqual([['/a/y', 'new']])
  })

  test('a key is there as long as its process, also after its lease was lost', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const { known } = follow(client)
    const kept = new KeptKey({ client, key: '/a/worker', value: 'here', logger: silent })
    kept.start()
    await until(() => known.has('/a/worker'))
    const { leases } = (await client.call('lease/leases', {})) as { leases: { ID: string }[] }
    expect(leases).toHaveLength(1)
    await client.call('lease/revoke', { ID: leases[0]?.ID })
    await until(() => !known.has('/a/worker'))
    await until(() => known.has('/a/worker'))
    await kept.stop()
    await until(() => !known.has('/a/worker'))
    expect(await client.call('lease/leases', {})).not.toHaveProperty('leases')
  })

  test('a process that ends without a word leaves no key', async () => {
    const etcd = await TestEtcd.start()
    const client = etcd.client()
    const { known } = follow(client)
    const dying = etcd.client({ leaseSeconds: 2 })
    const { ID } = await dying.call('lease/grant', { TTL: '2' })
    await dying.call('kv/put', { key: encode('/a/worker'), value: encode('here'), lease: ID })
    await until(() => known.has('/a/worker'))
    await until(() => !known.has('/a/worker'))
    expect(await client.call('lease/leases', {})).not.toHaveProperty('leases')
  })

  test('the next endpoint is tried after one that does not respond', async () => {
    const etcd = await TestEtcd.start()
    const endpoints = [`http://127.0.0.1:${await freePort()}`, etcd.url]
    const client = new EtcdClient({ endpoints, limits: QUICK })
    later(() => client.close())
    await expect(put(client, '/a/x', '1')).rejects.toMatchObject({ code: 'BL_RELAY_ETCD', status: undefined })
    await put(client, '/a/x', '1')
  })

  test('a user gets a token, and another one when it is not valid any more', async () => {
    const etcd = await TestEtcd.start()
    const root = etcd.client()
    const userFolder = await mkdtemp(join(tmpdir(), 'branchline-etcd-user-'))
    later(() => rm(userFolder, { recursive: true, force: true }))
    await writeFile(join(userFolder, 'username'), 'root\n')
    await writeFile(join(userFolder, 'password'), 'secret\n')
    await root.call('auth/user/add', { name: 'root', password: 'secret' })
    await root.call('auth/role/add', { name: 'root' })
    await root.call('auth/user/grant', { user: 'root', role: 'root' })
    await root.call('auth/enable', {})
    await expect(put(root, '/a/x', '1')).rejects.toMatchObject({ code: 'BL_RELAY_ETCD' })
    const client = etcd.client({}, { userFolder })
    const { known } = follow(client)
    await put(client, '/a/x', '1')
    await until(() => known.get('/a/x') === '1')
    // Every change of users makes tokens invalid; a restart loses simple tokens.
    await client.call('auth/role/add', { name: 'other' })
    await put(client, '/a/x', '2')
    await etcd.kill()
    await etcd.begin()
    await until(() =>
      put(client, '/a/x', '3').then(
        () => true,
        () => false,
      ),
    )
    await until(() => known.get('/a/x') === '3')
  })
})
