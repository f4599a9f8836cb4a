/** Services none of whose endpoints is ready, though some run: what becomes of requests is a matter of rules. */
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { describe, expect, test } from 'vitest'
import { environment, pod, preview, running, service, slice } from '../fixture/objects.ts'
import { Store } from '../store/store.ts'
import { type Plan, plan } from './plan.ts'
import { resolved } from './resolve.ts'

function planOf(...objects: (KubernetesObject | KubernetesObject[])[]): Plan {
  const store = new Store((object, reason) => {
    throw new Error(`${object.kind} ${object.metadata.name}: ${reason}`)
  })
  for (const object of objects.flat()) store.put(object)
  return plan(store)
}

const at = ({ forest, presences }: Plan, name: string) =>
  resolved(forest, presences, { environment: name, service: 'api', port: 80 })

const alice = [environment('alice', { base: 'base' }), ...running('alice', 'api', '10.0.0.2')]
const unready = running('base', 'api', '10.0.0.1', false)

function weighted(name: string, ip: string, weight: string): KubernetesObject {
  const metadata = { name: 'api-0', namespace: name, annotations: { 'branchline.dev/weight': weight } }
  return pod(name, 'api-0', ip, { metadata })
}

describe('of a root, for which nobody stands in', () => {
  test('requests go to what runs, with its weight', () => {
    const planned = planOf(environment('base'), unready, weighted('base', '10.0.0.1', '5'), alice)
    const endpoints = ['10.0.0.1:25001']
    expect(at(planned, 'base')).toEqual({ environment: 'base', endpoints, ready: false })
    expect(planned.tables.get('alice/api-0')?.listeners[25001]?.base).toMatchObject({
      environment: 'base',
      endpoints,
      weights: { '10.0.0.1:25001': 5 },
    })
  })

  test('its preview stays registered, and is not ready', () => {
    const { previews } = planOf(environment('base'), unready, preview('base', 'api'))
    expect(previews.get('base/api')).toMatchObject({
      verdict: {
        ready: false,
        reason: 'ServiceUnavailable',
        message: 'api of base has no ready endpoint: requests go to those that run',
      },
      planned: { label: 'api--base' },
    })
  })

  test('one that is ready is enough; then what still answers though it ends; never what is gone', () => {
    const a = { pod: 'a', ip: '10.0.0.1', ready: false, serving: false }
    const b = { pod: 'b', ip: '10.0.0.2', ready: false, terminating: true }
    const c = { pod: 'c', ip: '10.0.0.3', ready: false, terminating: true, serving: false }
    const endpoints = (...them: Parameters<typeof slice>[2][number][]) =>
      at(planOf(environment('base'), service('base', 'api'), slice('base', 'api', them)), 'base')?.endpoints
    expect(endpoints(a, b, c, { ...a, pod: 'd', ip: '10.0.0.4', ready: true })).toEqual(['10.0.0.4:25001'])
    expect(endpoints(a, b, c)).toEqual(['10.0.0.2:25001'])
    expect(endpoints(a, c)).toEqual(['10.0.0.1:25001'])
    expect(endpoints(c)).toEqual([])
    expect(endpoints()).toEqual([])
  })

  test.each(['hold', 'fail'])('a rule of its own is kept: %s', (onUnavailable) => {
    const planned = planOf(environment('base', { onUnavailable }), unready, alice)
    expect(at(planned, 'base')).toEqual({ environment: 'base', endpoints: [], ready: false })
    expect(planned.tables.get('alice/api-0')?.listeners[25001]?.base?.endpoints).toEqual([])
  })
})

describe('of an override its rule says, as ever', () => {
  const override = (onUnavailable: string) =>
    planOf(
      environment('base'),
      running('base', 'api', '10.0.0.1'),
      environment('alice', { base: 'base', onUnavailable }),
      running('alice', 'api', '10.0.0.2', false),
    )

  test('its base serves', () => {
    const planned = override('baseline')
    expect(at(planned, 'alice')).toMatchObject({ environment: 'base', ready: true })
    expect(planned.tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({})
  })

  test.each(['hold', 'fail'])('%s: to nobody', (onUnavailable) => {
    const planned = override(onUnavailable)
    expect(at(planned, 'alice')).toEqual({ environment: 'alice', endpoints: [], ready: false })
    const target = { environment: 'alice', endpoints: [], onUnavailable }
    expect(planned.tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({ alice: target })
  })

  test('where its base is not ready either, that one’s that run', () => {
    const planned = planOf(environment('base'), unready, environment('alice', { base: 'base' }), [
      ...running('alice', 'api', '10.0.0.2', false),
    ])
    expect(at(planned, 'alice')).toEqual({ environment: 'base', endpoints: ['10.0.0.1:25001'], ready: false })
    expect(planned.environments.get('alice/alice')?.verdict.reason).toBe('OverrideUnavailable')
  })
})
