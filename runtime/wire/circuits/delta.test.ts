import fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyDelta, diffTables, isTableDelta, isTableLists, listsOf, tableOf } from './delta.ts'
import { EMPTY_WORKER_TABLE, type WorkerTable } from './table.ts'

// Few keys, so that tables have entries in common. They include names of Object.prototype.
const key = fc.constantFrom('a', 'b', 'c', 'constructor', '__proto__')
const part = (field: string) =>
  fc
    .uniqueArray(fc.tuple(key, fc.integer({ min: 0, max: 2 })), { selector: ([name]) => name })
    .map(
      (entries) =>
        new Map(entries.map(([name, version]) => [name, { [field]: name, version, x: [version] }])),
    )
const table = fc
  .record({ circuits: part('id'), credentials: part('id'), sessions: part('hash'), workers: part('id') })
  .map((parts) => parts as unknown as WorkerTable)

/** Through JSON, as on the wire. */
const sent = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

test('a delta leads from any table to any other', () => {
  fc.assert(
    fc.property(table, table, (before, after) => {
      const delta = diffTables(before, after)
      expect(delta === undefined || isTableDelta(sent(delta))).toBe(true)
      expect(applyDelta(before, sent(delta ?? {}))).toEqual(after)
    }),
  )
})

test('a snapshot contains the whole table', () => {
  fc.assert(
    fc.property(table, table, (before, after) => {
      const lists = sent(listsOf(after))
      expect(isTableLists(lists)).toBe(true)
      expect(tableOf(lists, before)).toEqual(after)
    }),
  )
})

test('what does not change stays the same object', () => {
  fc.assert(
    fc.property(table, table, (before, after) => {
      const next = applyDelta(before, diffTables(before, after) ?? {})
      const restored = tableOf(sent(listsOf(after)), before)
      for (const [id, circuit] of before.circuits) {
        if (JSON.stringify(after.circuits.get(id)) !== JSON.stringify(circuit)) continue
        expect(next.circuits.get(id)).toBe(circuit)
        expect(restored.circuits.get(id)).toBe(circuit)
      }
    }),
  )
})

test('equal tables have no difference', () => {
  fc.assert(
    fc.property(table, (one) => {
      expect(diffTables(one, tableOf(sent(listsOf(one))))).toBeUndefined()
    }),
  )
  expect(diffTables(EMPTY_WORKER_TABLE, tableOf(listsOf(EMPTY_WORKER_TABLE)))).toBeUndefined()
})

test.each([
  [null],
  [[]],
  [{ circuits: { upsert: [{}] } }],
  [{ circuits: { upsert: {} } }],
  [{ circuits: { remove: [1] } }],
  [{ sessions: { upsert: [{ id: 'a' }] } }],
])('%j is not a delta', (value) => {
  expect(isTableDelta(value)).toBe(false)
})
