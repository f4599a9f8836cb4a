import { ETCD_KEYS } from '@branchline/wire/circuits/etcd'
import { type DeployedCircuit, EMPTY_WORKER_TABLE } from '@branchline/wire/circuits/table'
import { describe, expect, test } from 'vitest'
import { EtcdTableReader } from './etcd-table.ts'
import { mergeTables } from './merge.ts'

const circuit = (id: string, version = 1): DeployedCircuit => ({
  id,
  key: `key-${id}`,
  version,
  owner: { type: 'key', id: 'k' },
  frontend: { type: 'subdomain', hosts: [id] },
  backend: 'http',
  balancing: 'round-robin',
  stickiness: 'none',
  targets: [],
  access: { type: 'public' },
  limits: {},
  rewrite: {},
  middlewares: [],
  draining: false,
})

const at = (term: number, epoch: number, ids: readonly string[], instance = 'db') => ({
  instance,
  term,
  epoch,
  circuits: new Map(ids.map((id) => [id, circuit(id)])),
  withheld: new Set<string>(),
})

const linkAt = (term: number, epoch: number, ids: readonly string[]) => ({
  instance: 'db',
  term,
  epoch,
  table: { ...EMPTY_WORKER_TABLE, circuits: at(term, epoch, ids).circuits },
})

const idsOf = (merged: ReturnType<typeof mergeTables>) => [...(merged?.table.circuits.keys() ?? [])].join()

describe('which source wins', () => {
  test('the higher term, then the higher epoch, and the coordinator if both are equal', () => {
    const link = linkAt(2, 10, ['link'])
    expect(idsOf(mergeTables(link, at(2, 11, ['etcd'])))).toBe('etcd')
    expect(idsOf(mergeTables(link, at(3, 1, ['etcd'])))).toBe('etcd')
    for (const etcd of [at(2, 10, ['etcd']), at(2, 9, ['etcd']), at(1, 99, ['etcd']), undefined])
      expect(mergeTables(link, etcd)).toBe(link)
    expect(mergeTables(undefined, undefined)).toBeUndefined()
  })

  test('the coordinator, if etcd is of another database', () => {
    const link = linkAt(2, 10, ['link'])
    expect(mergeTables(link, at(9, 99, ['etcd'], 'restored'))).toBe(link)
  })

  test('etcd alone, if there is no other table: without credentials, only public circuits open', () => {
    const merged = mergeTables(undefined, at(1, 1, ['a']))
    expect(merged).toMatchObject({ instance: 'db', term: 1, epoch: 1 })
    expect(merged?.table.credentials.size).toBe(0)
  })

  test('equal circuits are the same objects, and withheld ones stay', () => {
    const link = linkAt(1, 1, ['a', 'withheld', 'removed'])
    const merged = mergeTables(link, { ...at(1, 2, ['a', 'b']), withheld: new Set(['withheld', 'unknown']) })
    expect(idsOf(merged)).toBe('a,b,withheld')
    for (const id of ['a', 'withheld'])
      expect(merged?.table.circuits.get(id)).toBe(link.table.circuits.get(id))
  })
})

describe('the table of etcd', () => {
  const entry = (key: string, value: object | string) => ({
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
    revision: 1,
  })
  const epoch = (complete: boolean, term = 1) =>
    entry(ETCD_KEYS.epoch, { instance: 'db', term, epoch: 1, complete })
  const stored = (id: string, more: object = {}) =>
    entry(ETCD_KEYS.circuits + id, {
      term: 1,
      epoch: 1,
      id,
      group: 'default',
      selector: {},
      circuit: circuit(id),
      ...more,
    })
  const reader = () => new EtcdTableReader({ group: 'default', labels: { gpu: 'yes' } })

  test('is none while a change is being written', () => {
    const it = reader()
    expect(it.reset([stored('a'), epoch(false)])).toBeUndefined()
    const whole = it.apply([{ key: ETCD_KEYS.epoch, entry: epoch(true) }])
    expect([...(whole?.circuits.keys() ?? [])]).toEqual(['a'])
  })

  test('has the circuits of the group that select the worker', () => {
    const table = reader().reset([
      stored('a'),
      stored('b', { group: 'other' }),
      stored('c', { selector: { gpu: 'yes' } }),
      stored('d', { selector: { gpu: 'no' } }),
      stored('e', { circuit: undefined }),
      epoch(true),
    ])
    expect([...(table?.circuits.keys() ?? [])]).toEqual(['a', 'c'])
    expect([...(table?.withheld ?? [])]).toEqual(['e'])
  })

  test.each([
    ['no JSON', '{'],
    ['no object', '7'],
    ['no circuit', { term: 1, epoch: 1, id: 'x', group: 'default', selector: {}, circuit: { id: 'x' } }],
    ['another id', { term: 1, epoch: 1, id: 'x', group: 'default', selector: {}, circuit: circuit('y') }],
    ['no term', { epoch: 1, id: 'x', group: 'default', selector: {} }],
  ])('is none with a value that is %s', (_, value) => {
    const it = reader()
    const key = `${ETCD_KEYS.circuits}x`
    expect(it.reset([stored('a'), entry(key, value), epoch(true)])).toBeUndefined()
    expect(it.apply([{ key, entry: undefined }])?.circuits.size).toBe(1)
  })

  test('is none without an epoch', () => {
    expect(reader().reset([stored('a')])).toBeUndefined()
    expect(reader().reset([stored('a'), entry(ETCD_KEYS.epoch, { term: 1 })])).toBeUndefined()
  })
})
