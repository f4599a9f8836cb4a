import { expect, test } from 'vitest'
import type { KubernetesObject } from './manifests/object.ts'
import { Patches } from './patches.ts'

const ALICE = { kind: 'Environment', namespace: 'alice', name: 'alice' } as const

const environment = (spec: object): KubernetesObject => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind: 'Environment',
  metadata: { name: 'alice', namespace: 'alice' },
  spec,
})

test('patches add up, null removes a field, and other objects stay as they are', () => {
  const patches = new Patches()
  const object = environment({ type: 'branch', base: 'b', ttl: '1h' })
  const spec = (): unknown => patches.apply([object])[0]?.['spec']
  expect(patches.apply([object])).toEqual([object])
  expect(patches.add({ ...ALICE, patch: { spec: { paused: true, ttl: null } } })).toBe(true)
  expect(patches.add({ ...ALICE, patch: { metadata: { annotations: { a: '1' } } } })).toBe(true)
  expect(patches.apply([object])[0]?.metadata).toMatchObject({ name: 'alice', annotations: { a: '1' } })
  expect(spec()).toEqual({ type: 'branch', base: 'b', paused: true })
  patches.add({ ...ALICE, patch: { spec: { paused: null } } })
  expect(spec()).toEqual({ type: 'branch', base: 'b' })
  expect(object['spec']).toEqual({ type: 'branch', base: 'b', ttl: '1h' })
})

test('null hides an object, and a later patch shows it again', () => {
  const patches = new Patches()
  const object = environment({ type: 'shared' })
  patches.apply([object])
  patches.add({ ...ALICE, patch: null })
  expect(patches.apply([object])).toEqual([undefined])
  patches.add({ ...ALICE, patch: { spec: { paused: true } } })
  expect(patches.apply([object])[0]?.['spec']).toEqual({ type: 'shared', paused: true })
})

test('null for a namespace hides everything in it, also if no manifest contains the namespace', () => {
  const patches = new Patches()
  const other = { ...environment({}), metadata: { name: 'bob', namespace: 'bob' } }
  patches.apply([environment({}), other])
  expect(patches.add({ kind: 'Namespace', name: 'alice', patch: null })).toBe(true)
  expect(patches.apply([environment({}), other])).toEqual([undefined, other])
  expect(patches.add({ kind: 'Namespace', name: 'carol', patch: null })).toBe(false)
  expect(patches.add({ kind: 'Pod', namespace: 'bob', name: 'bob', patch: {} })).toBe(false)
})

test('a change of the manifest ends the patches of its object', () => {
  const patches = new Patches()
  const before = environment({ type: 'shared' })
  patches.apply([before])
  patches.add({ ...ALICE, patch: null })
  const after = environment({ type: 'shared', key: 'k' })
  expect(patches.apply([after])).toEqual([after])
  expect(patches.apply([before])).toEqual([before])
})
