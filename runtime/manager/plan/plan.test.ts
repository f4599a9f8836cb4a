import type { KubernetesObject } from '@branchline/wire/kubernetes'
import { describe, expect, test } from 'vitest'
import { environment, pod, preview, running, service, slice } from '../fixture/objects.ts'
import { allChanges } from '../store/snapshot.ts'
import { Store } from '../store/store.ts'
import type { Plan } from './plan.ts'
import { plan } from './planner.ts'
import { Planner } from './planner.ts'
import { resolve } from './resolve.ts'

function planOf(...objects: (KubernetesObject | KubernetesObject[])[]): Plan {
  const store = new Store((object, reason) => {
    throw new Error(`${object.kind} ${object.metadata.name}: ${reason}`)
  })
  for (const object of objects.flat()) store.put(object)
  return plan(store)
}

const target = (name: string, endpoint: string | undefined, onUnavailable = 'baseline') => ({
  environment: name,
  endpoints: endpoint === undefined ? [] : [endpoint],
  onUnavailable,
})

const shop = [
  environment('base'),
  environment('alice', { base: 'base' }),
  environment('ui', { base: 'alice', key: 'alice-ui' }),
  ...running('base', 'api', '10.0.0.1'),
]
const [base, alice, ui] = [
  target('base', '10.0.0.1:25001'),
  target('alice', '10.0.0.2:25001'),
  target('ui', '10.0.0.3:25001'),
]

describe('the tables of a Service', () => {
  test('without an override, every key is served by the root', () => {
    const { tables } = planOf(shop)
    expect(tables.get('base/api-0')).toEqual({
      environment: 'base',
      listeners: { 25001: { service: 'api', routes: {}, own: [], onUnavailable: 'baseline' } },
      callers: {},
    })
  })

  test('an override is the target of its own key and of those below', () => {
    const { tables } = planOf(shop, running('alice', 'api', '10.0.0.2'))
    expect(tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({ alice, 'alice-ui': alice })
    expect(tables.get('alice/api-0')).toEqual({
      environment: 'alice',
      listeners: {
        25001: { service: 'api', routes: {}, own: ['alice', 'alice-ui'], base, onUnavailable: 'baseline' },
      },
      callers: { '10.0.0.2': 'alice' },
    })
  })

  test('the nearest of two overrides is the target', () => {
    const { tables } = planOf(shop, running('alice', 'api', '10.0.0.2'), running('ui', 'api', '10.0.0.3'))
    expect(tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({ alice, 'alice-ui': ui })
    expect(tables.get('alice/api-0')?.listeners[25001]).toEqual({
      service: 'api',
      routes: { 'alice-ui': ui },
      own: ['alice'],
      base,
      onUnavailable: 'baseline',
    })
    expect(tables.get('ui/api-0')?.listeners[25001]).toEqual({
      service: 'api',
      routes: {},
      own: ['alice-ui'],
      base: alice,
      onUnavailable: 'baseline',
    })
  })

  test('without a ready endpoint, requests for an override go to the base, but its listener stays', () => {
    const { tables } = planOf(shop, running('alice', 'api', '10.0.0.2', false))
    expect(tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({})
    expect(tables.get('alice/api-0')?.listeners[25001]).toEqual({
      service: 'api',
      routes: {},
      own: [],
      base,
      onUnavailable: 'baseline',
    })
  })

  test('a target includes the weights that are not 1, and a changed weight is a change', () => {
    const weighted = (name: string, ip: string, weight: string) =>
      pod('alice', name, ip, {
        metadata: { name, namespace: 'alice', annotations: { 'branchline.dev/weight': weight } },
      })
    const store = new Store(() => undefined)
    const endpoints = [
      { pod: 'a', ip: '10.0.0.2' },
      { pod: 'b', ip: '10.0.0.3' },
      { pod: 'c', ip: '10.0.0.4' },
    ]
    const override = [service('alice', 'api'), slice('alice', 'api', endpoints)]
    const pods = [
      weighted('a', '10.0.0.2', '0'),
      weighted('b', '10.0.0.3', '1'),
      weighted('c', '10.0.0.4', '5'),
    ]
    // Slices may arrive before pods.
    for (const object of [...shop, ...override]) store.put(object)
    const planner = new Planner()
    planner.update(store, allChanges(store))
    store.takeChanges()
    const weights = () => planner.plan.tables.get('base/api-0')?.listeners[25001]?.routes['alice']?.weights
    expect(weights()).toBeUndefined()
    for (const object of pods) store.put(object)
    expect(planner.update(store, store.takeChanges()).tables.has('base/api-0')).toBe(true)
    expect(weights()).toEqual({ '10.0.0.2:25001': 0, '10.0.0.4:25001': 5 })
    store.put(weighted('c', '10.0.0.4', '6'))
    expect(planner.update(store, store.takeChanges()).tables.has('base/api-0')).toBe(true)
    expect(weights()).toEqual({ '10.0.0.2:25001': 0, '10.0.0.4:25001': 6 })
  })

  test.each(['hold', 'fail'])('with the rule %s it stays a target', (onUnavailable) => {
    const { tables } = planOf(
      environment('base'),
      environment('alice', { base: 'base', onUnavailable }),
      running('base', 'api', '10.0.0.1'),
      service('alice', 'api'),
    )
    const expected = { alice: target('alice', undefined, onUnavailable) }
    expect(tables.get('base/api-0')?.listeners[25001]?.routes).toEqual(expected)
  })

  test('a paused branch is skipped', () => {
    const { tables } = planOf(
      environment('base'),
      environment('alice', { base: 'base', paused: true }),
      running('base', 'api', '10.0.0.1'),
      running('alice', 'api', '10.0.0.2'),
    )
    expect(tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({})
    expect(tables.get('alice/api-0')?.listeners[25001]).toMatchObject({ own: [], base })
  })

  test('a terminating endpoint does not count', () => {
    const { tables } = planOf(
      shop,
      service('alice', 'api'),
      slice('alice', 'api', [
        { pod: 'a', ip: '10.0.0.8', terminating: true },
        { pod: 'b', ip: '10.0.0.9' },
      ]),
    )
    expect(tables.get('base/api-0')?.listeners[25001]?.routes['alice']?.endpoints).toEqual(['10.0.0.9:25001'])
  })

  test('a Service that only a branch has gets no base', () => {
    const { tables } = planOf(shop, running('alice', 'mail', '10.0.0.2'))
    expect(tables.get('alice/mail-0')?.listeners[25001]).toEqual({
      service: 'mail',
      routes: {},
      own: ['alice', 'alice-ui'],
      onUnavailable: 'baseline',
    })
  })

  test('environments of another root do not count', () => {
    const { tables } = planOf(
      shop,
      environment('mine', { type: 'personal' }),
      running('mine', 'api', '10.0.0.7'),
    )
    expect(tables.get('mine/api-0')?.listeners[25001]).toEqual({
      service: 'api',
      routes: {},
      own: [],
      onUnavailable: 'baseline',
    })
    expect(tables.get('base/api-0')?.listeners[25001]?.routes).toEqual({})
  })

  test('each port is planned separately, by the number of the Service’s port', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'grpc', port: 9000 },
    ]
    const { tables } = planOf(shop, running('alice', 'api', '10.0.0.2'), service('base', 'api', { ports }), {
      ...slice('base', 'api', [{ pod: 'api-0', ip: '10.0.0.1' }], { port: 25002, portName: 'grpc' }),
      metadata: { name: 'api-2', namespace: 'base', labels: { 'kubernetes.io/service-name': 'api' } },
    })
    expect(tables.get('base/api-0')?.listeners).toEqual({
      25001: { service: 'api', routes: { alice, 'alice-ui': alice }, own: [], onUnavailable: 'baseline' },
      25002: { service: 'api', routes: {}, own: [], onUnavailable: 'baseline' },
    })
  })

  test('a sidecar outside of any environment serves locally', () => {
    const { tables } = planOf(running('stray', 'api', '10.0.0.1'))
    expect(tables.get('stray/api-0')).toEqual({ environment: '', listeners: {}, callers: {} })
  })

  test('IPv6 endpoints are in brackets, and only one family counts', () => {
    const six = slice('alice', 'api', [{ pod: 'api-0', ip: 'fd00::1' }])
    const metadata = { ...six.metadata, name: 'api-six' }
    const routes = (...objects: KubernetesObject[]) =>
      planOf(shop, service('alice', 'api'), ...objects).tables.get('base/api-0')?.listeners[25001]?.routes[
        'alice'
      ]?.endpoints
    const sixOnly = { ...six, metadata, addressType: 'IPv6' }
    expect(routes(sixOnly)).toEqual(['[fd00::1]:25001'])
    expect(routes(sixOnly, slice('alice', 'api', [{ pod: 'api-0', ip: '10.0.0.2' }]))).toEqual([
      '10.0.0.2:25001',
    ])
  })
})

describe('callers', () => {
  test('a branch’s pods are callers at its own sidecars and at those above', () => {
    const { tables } = planOf(
      shop,
      running('alice', 'api', '10.0.0.2'),
      pod('ui', 'job', '10.0.0.3', { metadata: { name: 'job', namespace: 'ui' } }),
      pod('ui', 'node', '10.9.9.9', { spec: { hostNetwork: true } }),
      pod('ui', 'done', '10.0.0.4', { status: { podIP: '10.0.0.4', phase: 'Succeeded' } }),
    )
    const callers = { '10.0.0.2': 'alice', '10.0.0.3': 'alice-ui' }
    expect(tables.get('base/api-0')?.callers).toEqual(callers)
    expect(tables.get('alice/api-0')?.callers).toEqual(callers)
    expect(tables.has('ui/job')).toBe(false)
  })

  test('a pod of a dual-stack cluster calls from both of its addresses', () => {
    const podIPs = [{ ip: '10.0.0.5' }, { ip: 'fd00::5' }]
    const dual = pod('alice', 'dual', '10.0.0.5', { status: { podIP: '10.0.0.5', podIPs, phase: 'Running' } })
    const { tables } = planOf(shop, dual)
    expect(tables.get('base/api-0')?.callers).toEqual({ '10.0.0.5': 'alice', 'fd00::5': 'alice' })
  })

  test('an address that two pods claim belongs to the newer pod', () => {
    const made = (namespace: string, name: string, creationTimestamp: string) =>
      pod(namespace, name, '10.0.0.5', { metadata: { name, namespace, creationTimestamp } })
    const { tables } = planOf(
      shop,
      made('alice', 'old', '2026-11-21T10:00:00Z'),
      made('base', 'new', '2026-11-21T10:01:00Z'),
    )
    expect(tables.get('base/api-0')?.callers).toEqual({})
  })
})

describe('the plans', () => {
  test('of environments', () => {
    const { environments } = planOf(
      shop,
      environment('bob', { base: 'nobody' }),
      environment('carol', { base: 'base', bse: 'x' }),
      environment('below', { base: 'bob' }),
      running('alice', 'api', '10.0.0.2'),
      running('ui', 'api', '10.0.0.3', false),
    )
    const said = Object.fromEntries(
      [...environments].map(([id, { verdict }]) => [
        id,
        `${verdict.ready} ${verdict.reason}: ${verdict.message}`,
      ]),
    )
    expect(said).toEqual({
      'base/base': 'true Routed: serves requests without a key',
      'alice/alice': 'true Routed: overrides api',
      'ui/ui': 'false OverrideUnavailable: no endpoint is ready: api (its base serves meanwhile)',
      'bob/bob': expect.stringMatching(/^false BaseNotFound: .*nobody/) as string,
      'carol/carol': expect.stringMatching(/^false Invalid: .*spec\.bse/) as string,
      'below/below': expect.stringMatching(/^false BaseInvalid: .*bob/) as string,
    })
    expect(environments.get('alice/alice')).toMatchObject({ key: 'alice', overrides: ['api'] })
  })

  test('of previews', () => {
    const { previews } = planOf(
      shop,
      preview('alice', 'api'),
      preview('alice', 'named', { service: 'api', port: 'http' }),
      preview('alice', 'none', { service: 'none' }),
      preview('nowhere', 'api'),
    )
    expect(previews.get('alice/api')).toEqual({
      verdict: { ready: true, reason: 'Routed', message: 'api of base serves requests', generation: 1 },
      planned: {
        id: 'alice/api',
        label: 'api--alice',
        environment: 'alice',
        key: 'alice',
        service: 'api',
        port: 80,
        access: 'public',
        protocol: 'http',
      },
    })
    expect(previews.get('alice/named')?.planned).toMatchObject({ label: 'named--alice', port: 80 })
    expect(previews.get('alice/none')?.verdict).toMatchObject({
      ready: false,
      reason: 'ServiceNotFound',
      message: 'no Service none with port 80 in alice → base: deploy it in one of them',
    })
    expect(previews.get('nowhere/api')).toMatchObject({
      verdict: { reason: 'EnvironmentNotFound' },
      planned: undefined,
    })
  })
})

test('a target is resolved along the chain, and never beyond the environments', () => {
  const { forest, presences } = planOf(
    shop,
    running('alice', 'api', '10.0.0.2'),
    running('secret', 'vault', '10.0.0.6'),
  )
  const at = (name: string, wanted = 'api', port = 80) =>
    resolve(forest, presences, { environment: name, service: wanted, port })
  expect(at('ui')).toEqual({ environment: 'alice', endpoints: ['10.0.0.2:25001'] })
  expect(at('base')).toEqual({ environment: 'base', endpoints: ['10.0.0.1:25001'] })
  expect(at('ui', 'api', 81)).toBeUndefined()
  expect(at('ui', 'vault')).toBeUndefined()
  expect(at('secret', 'vault')).toBeUndefined()
  expect(at('ui', '../secret/vault')).toBeUndefined()
})
