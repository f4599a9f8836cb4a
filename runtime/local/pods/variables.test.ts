import { expect, test } from 'vitest'
import { parseListeners } from '../network/listeners.ts'
import { hostsText, namespacesAbove, withAddresses } from '../network/names.ts'
import { containerVariables, type PodFacts, serviceVariables } from './variables.ts'

const pod: PodFacts = {
  namespace: 'shop',
  name: 'api-1',
  uid: 'u',
  ip: '127.40.1.1',
  labels: { app: 'api' },
  annotations: { note: 'x' },
  serviceAccount: 'robot',
}
const maps: Record<string, Record<string, string>> = { 'ConfigMap/c': { a: '1' }, 'Secret/s': { b: '2' } }
const values = (kind: string, name: string): Record<string, string> | undefined => maps[`${kind}/${name}`]

test('variables come from services, maps, fields and each other, in that order', () => {
  const container = {
    name: 'api',
    envFrom: [{ configMapRef: { name: 'c' }, prefix: 'P_' }, { secretRef: { name: 'none', optional: true } }],
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'URL', value: 'http://$(IP):$(API_SERVICE_PORT)/$(P_a)/$(LATER)' },
      { name: 'LATER', valueFrom: { secretKeyRef: { name: 's', key: 'b' } } },
      { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'API_SERVICE_PORT', value: 'own' },
      { name: 'MAYBE', valueFrom: { configMapKeyRef: { name: 'c', key: 'no', optional: true } } },
    ],
  }
  expect(
    containerVariables(container, {
      pod,
      spec: { containers: [container] },
      values,
      services: { API_SERVICE_PORT: '80' },
    }),
  ).toEqual({
    API_SERVICE_PORT: 'own',
    P_a: '1',
    IP: '127.40.1.1',
    URL: 'http://127.40.1.1:80/1/$(LATER)',
    LATER: '2',
    APP: 'api',
  })
})

test('an error names a missing value', () => {
  const container = {
    name: 'api',
    env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's', key: 'no' } } }],
  }
  expect(() =>
    containerVariables(container, { pod, spec: { containers: [container] }, values, services: {} }),
  ).toThrow(/env X needs Secret s\[no\]/)
})

test('service variables match a kubelet’s, and the nearest Service wins', () => {
  const ports = [{ name: 'http-web', port: 80 }]
  const services = [
    { name: 'my-api', ip: '127.40.128.1', ports },
    { name: 'my-api', ip: '127.40.128.9', ports },
  ]
  expect(serviceVariables(services)).toEqual({
    MY_API_SERVICE_HOST: '127.40.128.1',
    MY_API_SERVICE_PORT: '80',
    MY_API_SERVICE_PORT_HTTP_WEB: '80',
    MY_API_PORT: 'tcp://127.40.128.1:80',
    MY_API_PORT_80_TCP: 'tcp://127.40.128.1:80',
    MY_API_PORT_80_TCP_PROTO: 'tcp',
    MY_API_PORT_80_TCP_PORT: '80',
    MY_API_PORT_80_TCP_ADDR: '127.40.128.1',
  })
})

test('short names resolve along the chain, and full names anywhere', () => {
  const environments = [
    { name: 'base', namespace: 'ns-base' },
    { name: 'alice', namespace: 'ns-alice', base: 'base' },
    { name: 'ui', namespace: 'ns-ui', base: 'alice' },
    { name: 'x', namespace: 'ns-x', base: 'y' },
    { name: 'y', namespace: 'ns-y', base: 'x' },
  ]
  expect(namespacesAbove('ns-ui', environments)).toEqual(['ns-alice', 'ns-base'])
  expect(namespacesAbove('ns-x', environments)).toEqual(['ns-y'])
  expect(namespacesAbove('other', environments)).toEqual([])
  const services = [
    { namespace: 'ns-base', name: 'api', addresses: ['1.0.0.1'] },
    { namespace: 'ns-alice', name: 'api', addresses: ['1.0.0.2'] },
    { namespace: 'ns-base', name: 'db', addresses: ['1.0.0.3', '1.0.0.4'] },
    { namespace: 'ns-alice', name: 'db', addresses: [] },
  ]
  const lines = hostsText({
    podName: 'p',
    podIp: '1.1.1.1',
    search: ['ns-ui', 'ns-alice', 'ns-base'],
    services,
  }).split('\n')
  expect(lines).toContain('1.0.0.2 api')
  expect(lines).not.toContain('1.0.0.1 api')
  expect(lines).toContain('1.0.0.3 db')
  expect(lines).toContain('1.0.0.4 db')
  expect(lines).toContain('1.0.0.1 api.ns-base api.ns-base.svc api.ns-base.svc.cluster.local')
  expect(withAddresses('ws://api.ns-base.svc.cluster.local:1/ xapi.ns-base.svc api.no.svc', services)).toBe(
    'ws://1.0.0.1:1/ xapi.ns-base.svc api.no.svc',
  )
})

test('listeners are read from proc', () => {
  const text = `  sl  local_address rem_address   st
   0: 00000000:1F90 00000000:0000 0A 0
   1: 0100007F:1F91 00000000:0000 0A 0
   2: 0101287F:1F92 00000000:0000 0A 0
   3: 00000000:1F92 0100007F:0000 01 0`
  expect(parseListeners(text, 8080)).toEqual({ wildcard: true, localhost: false })
  expect(parseListeners(text, 8081)).toEqual({ wildcard: false, localhost: true })
  expect(parseListeners(text, 8082)).toEqual({ wildcard: false, localhost: false })
})
