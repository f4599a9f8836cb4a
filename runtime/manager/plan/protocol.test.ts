/** Previews of ports that do not speak HTTP are not ready, because visitors would get an error. */
import { expect, test } from 'vitest'
import { environment, pod, preview, service, slice } from '../fixture/objects.ts'
import { previewStatus } from '../status/status.ts'
import { Store } from '../store/store.ts'
import type { Plan } from './plan.ts'
import { plan } from './planner.ts'

interface Declared {
  readonly name?: string
  readonly appProtocol?: string
}

/** A preview of port 9000 of the Service `calls`, which each of these namespaces declares in its own way. */
function planOf(declarations: Readonly<Record<string, Declared>>): Plan {
  const store = new Store((object, reason) => {
    throw new Error(`${object.kind} ${object.metadata.name}: ${reason}`)
  })
  store.put(environment('base'))
  store.put(environment('alice', { base: 'base' }))
  store.put(preview('alice', 'calls', { port: 9000 }))
  for (const [name, fields] of Object.entries(declarations)) {
    store.put(service(name, 'calls', { ports: [{ port: 9000, ...fields }] }))
    store.put(pod(name, 'calls-0', '10.0.0.1'))
    const endpoint = { pod: 'calls-0', ip: '10.0.0.1' }
    store.put(slice(name, 'calls', [endpoint], { portName: fields.name ?? '' }))
  }
  return plan(store)
}

test.each([[{ name: 'postgres' }], [{ name: 'http', appProtocol: 'example.com/own' }]])(
  'a preview of a port that is declared as tcp by %j is not ready, and is stalled',
  (fields) => {
    const planned = planOf({ base: fields }).previews.get('alice/calls')
    expect(planned?.verdict).toMatchObject({
      ready: false,
      reason: 'ProtocolUnsupported',
      message:
        'port 9000 of calls in base is declared as tcp: it speaks TCP, not HTTP, but preview URLs carry HTTP; ' +
        'use a port that serves HTTP, or declare this one as http, http2 or grpc if it does',
    })
    expect(planned?.planned).toMatchObject({ label: 'calls--alice' })
    const url = { state: 'registered', url: 'http://calls--alice.localhost' } as const
    expect(planned && previewStatus(planned, url, [], 0).conditions).toMatchObject([
      { type: 'Ready', status: 'False', reason: 'ProtocolUnsupported' },
      { type: 'Stalled', status: 'True' },
    ])
  },
)

test.each([
  [{}, undefined],
  [{ name: 'web' }, undefined],
  [{ name: 'http' }, 'http'],
  [{ name: 'http-web' }, 'http'],
  [{ name: 'grpc', appProtocol: 'http' }, 'http'],
  [{ name: 'grpc' }, 'grpc'],
  [{ name: 'grpc-calls' }, 'grpc'],
  [{ name: 'http2' }, 'http2'],
  [{ name: 'web', appProtocol: 'kubernetes.io/h2c' }, 'http2'],
])('a preview of a port that is declared by %j is ready, with the protocol %s', (fields, protocol) => {
  const planned = planOf({ base: fields }).previews.get('alice/calls')
  expect(planned?.verdict).toMatchObject({ ready: true })
  expect(planned?.planned?.protocol).toBe(protocol)
})

test('an override’s own declaration applies', () => {
  const planned = planOf({ base: { name: 'tcp' }, alice: { name: 'http' } })
  expect(planned.previews.get('alice/calls')?.verdict).toMatchObject({ ready: true })
})
