import { expect, test } from 'vitest'
import type { EnvironmentObject } from '../view/resources.ts'
import { listingOf, type Listing } from '../view/listings.ts'
import { RowPrinter } from './get-watch.ts'

const listing = listingOf('env') as Listing
const environment = (name: string, ready: boolean): EnvironmentObject => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name, namespace: name, creationTimestamp: '2026-11-21T10:00:00Z' },
  spec: { type: 'shared' },
  status: {
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', reason: 'Why', message: 'because' }],
  },
})
const at = Date.parse('2026-11-21T10:00:10Z')
const items = (later: number, ...objects: EnvironmentObject[]) =>
  listing.items({ Environment: objects }, { all: false }, at + later)

test('prints titles once, then only what changes; its age alone is no change', () => {
  const printer = new RowPrinter(listing, {}, {})
  expect(printer.changes(items(0, environment('a', true), environment('b', false)))).toBe(
    'NAME   TYPE     BASE   OVERRIDES   READY   URL   AGE\n' +
      'a      shared   -      -           True    -     10s\n' +
      'b      shared   -      -           False   -     10s\n' +
      '  Why: because\n',
  )
  expect(printer.changes(items(5_000, environment('a', true), environment('b', false)))).toBe('')
  expect(printer.changes(items(6_000, environment('a', true), environment('b', true)))).toBe(
    'b      shared   -      -           True    -     16s\n',
  )
  // One that is gone and comes back is new.
  expect(printer.changes(items(7_000, environment('a', true)))).toBe('')
  expect(printer.changes(items(8_000, environment('a', true), environment('b', true)))).toMatch(/^b /)
})

test('prints one document for each change', () => {
  const printer = new RowPrinter(listing, { output: 'json' }, {})
  expect(JSON.parse(printer.changes(items(0, environment('a', true))))).toMatchObject({
    kind: 'Environment',
    metadata: { name: 'a' },
  })
  expect(new RowPrinter(listing, { output: 'name' }, {}).changes(items(0, environment('a', true)))).toBe(
    'environment.branchline.dev/a\n',
  )
})
