/** Services without a ready endpoint, though some endpoints run. Rules decide where requests go. */
import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { describe, expect, test } from 'vitest'
import { environment, pod, preview, running, service, slice } from '../fixture/objects.ts'
import { Store } from '../store/store.ts'
import type { Plan } from './plan.ts'
import { plan } from './planner.ts'
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

describe('a root, which has no base to stand in for it', () => {
  test('sends requests to the endpoints that run, with their weights', () => {
    const planned = planOf(environment('base'), unready, weighted('base', '10.0.0.1', '5'), alice)
    const endpoints = ['10.0.0.1:25001']
    expect(at(planned, 'base')).toEqual({ environment: 'base', endpoints, ready: false })
    expect(planned.tables.get('alice/api-0')?.listeners[25001]?.base).toMatchObject({
      environment: 'base',
      endpoints,
      weights: { '10.0.0.1:25001': 5 },
    })
  })

  test('keeps its preview registered, but not ready', () => {
    const { previews } = planOf(environment('base'), unready, preview('base', 'api'))
    expect(previews.get('base/api')).toMatchObject({
      verdict: {
        ready: false,
        reason: 'ServiceUnavailable',
        message: 'api of base has no ready endpoint: requests go to endpoints that are not ready',
      },
      planned: { label: 'api--base' },
    })
  })

  test('prefers ready endpoints, then terminating ones that still serve, and never uses those that are gone', () => {
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

  test.each(['hold', 'fail'])('keeps its own rule: %s', (onUnavailable) => {
    const planned = planOf(environment('base', { onUnavailable }), unready, alice)
    expect(at(planned, 'base')).toEqual({ environment: 'base', endpoints: [], ready: false })
    expect(planned.tables.get('alice/api-0')?.listeners[25001]?.base?.endpoints).toEqual([])
  })
})

describe('an override, whose rule decides', () => {
  const override = (onUnavailable: string) =>
    planOf(
      environment('base'),
      running('base', 'api', '10.0.0.1'),
      environment('alice', { base: 'base', onUnavailable }),
      running('alice', 'api', '10.0.0.2', false),
    )

  test('is served by its base', () => {
    const planned = override('baseline')
    expect(at(planned, 'alice')).toMatchObject({ environment: 'base', ready: true })
    expect(planned.tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({})
  })

  test.each(['hold', 'fail'])('has no endpoint with the rule %s', (onUnavailable) => {
    const planned = override(onUnavailable)
    expect(at(planned, 'alice')).toEqual({ environment: 'alice', endpoints: [], ready: false })
    const target = { environment: 'alice', endpoints: [], onUnavailable }
    expect(planned.tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({ alice: target })
  })

  test('is served by the running endpoints of its base if that is not ready either', () => {
    const planned = planOf(environment('base'), unready, environment('alice', { base: 'base' }), [
      ...running('alice', 'api', '10.0.0.2', false),
    ])
    expect(at(planned, 'alice')).toEqual({ environment: 'base', endpoints: ['10.0.0.1:25001'], ready: false })
    expect(planned.environments.get('alice/alice')?.verdict.reason).toBe('OverrideUnavailable')
  })
})
