import type { Manifest } from '@branchline/cdk8s/inject'
import { describe, expect, test } from 'vitest'
import { findEntries } from './entries.ts'

const service = (name: string, spec: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80 }], ...spec },
})
const deployment = (name: string, container: object = {}): Manifest => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name, image: 'a:1', ...container }] },
    },
  },
})
const app = (name: string, spec: object = {}, container: object = {}) => [
  service(name, spec),
  deployment(name, container),
]
const found = (manifests: readonly Manifest[]) =>
  findEntries(manifests).map(({ service, port, reason }) => `${service}:${port} ${reason}`)

test('a Service that an Ingress leads to, with the port that it names', () => {
  const ports = [
    { name: 'metrics', port: 9090 },
    { name: 'web', port: 8000 },
  ]
  const path = (name: string, port: object) => ({ backend: { service: { name, port } } })
  const ingress = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'shop' },
    spec: {
      defaultBackend: { service: { name: 'front', port: { name: 'web' } } },
      rules: [{ http: { paths: [path('docs', { number: 80 }), path('elsewhere', { number: 80 })] } }],
    },
  }
  const manifests = [
    ingress,
    ...app('front', { ports }),
    ...app('docs'),
    ...app('open', { type: 'NodePort' }),
  ]
  expect(found(manifests)).toEqual([
    'front:8000 Ingress "shop" leads to it',
    'docs:80 Ingress "shop" leads to it',
    'open:80 its type is NodePort',
  ])
})

test('a Service of an HTTPRoute', () => {
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'r' },
    spec: { rules: [{ backendRefs: [{ name: 'front', port: 80 }] }] },
  }
  expect(found([route, ...app('front'), ...app('back')])).toEqual(['front:80 HTTPRoute "r" leads to it'])
})

describe('without those, a Service that nothing else mentions', () => {
  const calls = (value: string) => ({ env: [{ name: 'URL', value }] })
  test('in variables, commands, arguments and ConfigMaps', () => {
    const config = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c' },
      data: { urls: 'a=http://d.ns.svc:80' },
    }
    const manifests = [
      config,
      ...app('front', {}, { ...calls('http://a:80/front'), command: ['x', '--b=b:80'], args: ['tcp://c'] }),
      ...['a', 'b', 'c', 'd'].flatMap((name) => app(name)),
    ]
    expect(found(manifests)).toEqual(['front:80 no other workload mentions its name'])
  })
  test('not even itself, and not a part of a word', () => {
    const manifests = [...app('web', {}, calls('web')), ...app('other', {}, calls('http://web-api'))]
    expect(found(manifests).map((line) => line.split(':')[0])).toEqual(['web', 'other'])
  })
  test('and that speaks HTTP, has pods, and is not headless', () => {
    const manifests = [
      ...app('db', { ports: [{ port: 5432 }] }),
      ...app('queue', { ports: [{ name: 'tcp-queue', port: 80 }] }),
      ...app('dns', { ports: [{ port: 80, protocol: 'UDP' }] }),
      ...app('peers', { clusterIP: 'None' }),
      service('nothing'),
      ...app('web', {
        ports: [
          { name: 'admin', port: 9000 },
          { name: 'other', port: 7000 },
          { name: 'http', port: 8080 },
        ],
      }),
    ]
    expect(found(manifests)).toEqual(['web:8080 no other workload mentions its name'])
  })
})
