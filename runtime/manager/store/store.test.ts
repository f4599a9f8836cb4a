import { describe, expect, test } from 'vitest'
import { environment, namespace, pod, preview, running, service, slice } from '../fixture/objects.ts'
import { noChanges } from './snapshot.ts'
import { Store } from './store.ts'

function newStore() {
  const complaints: string[] = []
  const store = new Store((object) => complaints.push(`${object.kind} ${object.metadata.name}`))
  return { store, complaints }
}

describe('changes', () => {
  test('name each difference once', () => {
    const { store } = newStore()
    for (const object of [environment('base'), ...running('base', 'api', '10.0.0.1')]) store.put(object)
    expect(store.takeChanges()).toEqual({
      resources: true,
      services: new Set(['base/api']),
      pods: new Set(['base/api-0']),
    })
    expect(store.takeChanges()).toEqual(noChanges())
  })

  test('are empty if only irrelevant fields differ: a status, a label, or nothing', () => {
    const { store } = newStore()
    const objects = [environment('base'), preview('base', 'web'), ...running('base', 'api', '10.0.0.1')]
    for (const object of objects) store.put(object)
    store.takeChanges()
    for (const object of objects) store.put(structuredClone(object))
    store.put({ ...environment('base'), status: { conditions: 'ours' } })
    store.put({ ...environment('base', {}, { labels: { team: 'x' } }) })
    expect(store.changed).toBe(false)
  })

  test('of a slice that moves to another Service name both', () => {
    const { store } = newStore()
    const one = slice('base', 'api', [{ pod: 'p', ip: '10.0.0.1' }])
    store.put(one)
    store.takeChanges()
    store.put({ ...one, metadata: { ...one.metadata, labels: { 'kubernetes.io/service-name': 'web' } } })
    expect(store.takeChanges().services).toEqual(new Set(['base/api', 'base/web']))
    expect([...store.slices.keys()]).toEqual(['base/web'])
    store.remove(one)
    expect(store.slices.size).toBe(0)
  })
})

test('only an invalid object is ignored, and it counts again once it is valid', () => {
  const { store, complaints } = newStore()
  store.put({ ...service('base', 'api'), spec: { ports: 'none' } })
  store.put({ ...pod('base', 'api-0', '10.0.0.1'), status: 7 })
  store.put(environment('base', { typ: 'shared' }))
  store.put(service('base', 'web'))
  expect(complaints).toEqual(['Service api', 'Pod api-0'])
  expect([...store.services.keys()]).toEqual(['base/web'])
  expect([...store.unreadable.values()]).toMatchObject([{ kind: 'Environment', name: 'base', generation: 1 }])
  store.put(environment('base'))
  store.put(service('base', 'api'))
  expect(store.unreadable.size).toBe(0)
  expect(store.sizes()).toMatchObject({ Environment: 1, Service: 2, Pod: 0 })
})

test('an invalid status, or an Environment of another group, has no effect', () => {
  const { store } = newStore()
  store.put({ ...environment('base'), status: { conditions: 'x', sidecars: [] } })
  store.put({ ...environment('other'), apiVersion: 'example.com/v1' })
  expect([...store.environments.keys()]).toEqual(['base/base'])
  expect(store.unreadable.size).toBe(0)
})

test('Services without their own endpoints are ignored: ExternalName, or without ports', () => {
  const { store } = newStore()
  store.put(service('base', 'outside', { type: 'ExternalName', externalName: 'example.com' }))
  store.put(service('base', 'empty', { ports: null }))
  expect(store.services.size).toBe(0)
})

describe('a namespace that is being deleted', () => {
  test('is reported until it is gone with all its objects', () => {
    const { store } = newStore()
    const objects = [environment('alice'), preview('alice', 'web')]
    for (const object of [namespace('alice'), namespace('other', 'Terminating'), ...objects])
      store.put(object)
    expect([...store.terminating]).toEqual(['other'])
    store.takeChanges()
    store.put(namespace('alice'))
    expect(store.changed).toBe(false)
    store.put(namespace('alice', 'Terminating'))
    expect([store.resourcesChanged, [...store.terminating]]).toEqual([true, ['other', 'alice']])
    store.takeChanges()
    store.put(namespace('alice', 'Terminating'))
    expect(store.changed).toBe(false)
    // Events of different kinds arrive separately. It is not alive again just because its own end arrives first.
    store.remove(namespace('alice', 'Terminating'))
    for (const object of objects) {
      expect(store.terminating.has('alice')).toBe(true)
      store.remove(object)
    }
    expect([...store.terminating]).toEqual(['other'])
  })

  test('that is created again is alive', () => {
    const { store } = newStore()
    for (const object of [namespace('alice', 'Terminating'), environment('alice')]) store.put(object)
    store.remove(namespace('alice', 'Terminating'))
    store.takeChanges()
    store.put(namespace('alice'))
    expect([store.resourcesChanged, store.terminating.size]).toEqual([true, 0])
  })

  test('is also recognized by its phase alone, and an invalid one is not being deleted', () => {
    const { store } = newStore()
    const named = { apiVersion: 'v1', kind: 'Namespace' }
    store.put({ ...named, metadata: { name: 'a' }, status: { phase: 'Terminating' } })
    store.put({ ...named, metadata: { name: 'b' }, status: 7 })
    expect([...store.terminating]).toEqual(['a'])
  })
})

test('the beginning of an Environment’s deletion is a change, and a new deletion time is not', () => {
  const { store } = newStore()
  store.put(environment('alice'))
  store.takeChanges()
  store.put(environment('alice', {}, { deletionTimestamp: '2026-11-21T11:00:00Z' }))
  expect(store.resourcesChanged).toBe(true)
  store.takeChanges()
  store.put(environment('alice', {}, { deletionTimestamp: '2026-11-21T11:00:30Z' }))
  expect(store.changed).toBe(false)
})
