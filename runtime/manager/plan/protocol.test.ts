/** Previews of ports whose protocol a relay does not speak are not ready, because visitors would get an error. */
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

test.each([
  ['grpc', { name: 'grpc' }, 'gRPC'],
  ['grpc', { name: 'grpc-calls' }, 'gRPC'],
  ['http2', { name: 'http2' }, 'HTTP/2 only'],
  ['http2', { name: 'web', appProtocol: 'kubernetes.io/h2c' }, 'HTTP/2 only'],
  ['tcp', { name: 'postgres' }, 'TCP, not HTTP'],
  ['tcp', { name: 'http', appProtocol: 'example.com/own' }, 'TCP, not HTTP'],
])(
  'a preview of a port that is declared as %s by %j is not ready, and is stalled',
  (protocol, fields, what) => {
    const planned = planOf({ base: fields }).previews.get('alice/calls')
    expect(planned?.verdict).toMatchObject({
      ready: false,
      reason: 'ProtocolUnsupported',
      message:
        `port 9000 of calls in base is declared as ${protocol}: it speaks ${what}, but preview URLs carry HTTP/1.1; ` +
        'use a port that serves HTTP/1.1, or declare this one as http if it serves both',
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
  {},
  { name: 'http' },
  { name: 'http-web' },
  { name: 'web' },
  { name: 'grpc', appProtocol: 'http' },
])('a preview of a port that is declared by %j is ready', (fields) => {
  const planned = planOf({ base: fields }).previews.get('alice/calls')
  expect(planned?.verdict).toMatchObject({ ready: true })
})

test('an override’s own declaration applies', () => {
  const planned = planOf({ base: { name: 'grpc' }, alice: { name: 'http' } })
  expect(planned.previews.get('alice/calls')?.verdict).toMatchObject({ ready: true })
})
