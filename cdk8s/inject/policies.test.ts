import { describe, expect, test } from 'vitest'
import { deployment, findings, object, service } from './objects.fixture.ts'

const api = [deployment('api'), service('api')]
const policy = (name: string, spec: object) => object('networking.k8s.io/v1', 'NetworkPolicy', name, { spec })
const app = (name: string) => ({ podSelector: { matchLabels: { app: name } } })
const OTHERS = { namespaceSelector: {}, podSelector: { matchLabels: { 'branchline.dev/sidecar': 'true' } } }
const PLATFORM = {
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'branchline-system' } },
}
const from = (name: string, ...ports: object[]) => ({ from: [app(name)], ports })

describe('the ingress of a NetworkPolicy', () => {
  test('that does not let requests reach the sidecar is named, with the ports and the peers to allow', () => {
    expect(
      findings([...api, policy('api', { ...app('api'), ingress: [from('web', { port: 8080 })] })]),
    ).toEqual([
      'PolicyBlocks: NetworkPolicy "api" limits who reaches Deployment "api", whose requests now arrive at the sidecar: ' +
        'allow port 25001 where it allows 8080; allow pods with the label branchline.dev/sidecar: "true" in all ' +
        'namespaces, and the namespace branchline-system, so that branches and previews reach it',
    ])
  })
  test.each([
    ['a name', { port: 'web' }],
    ['a range', { port: 8000, endPort: 9000 }],
  ])('knows the port of the app by %s', (_, port) => {
    const spec = { ...app('api'), ingress: [{ from: [OTHERS], ports: [port] }] }
    expect(findings([...api, policy('api', spec)])).toEqual([
      expect.stringMatching(/: allow port 25001 where it allows 8080$/),
    ])
  })
  test.each([
    [
      'allows the ports of sidecars',
      {
        ...app('api'),
        ingress: [{ from: [OTHERS], ports: [{ port: 8080 }, { port: 25001, endPort: 25064 }] }],
      },
    ],
    ['allows everything', { podSelector: {}, ingress: [{}] }],
    ['concerns other pods', { ...app('db'), ingress: [] }],
    [
      'concerns other pods by an expression',
      {
        podSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['api'] }] },
        ingress: [],
      },
    ],
  ])('is no finding if it %s', (_, spec) => {
    expect(findings([...api, policy('p', spec)])).toEqual([])
  })
  test('is judged together with the other policies of the pods', () => {
    const denyAll = policy('deny', { podSelector: {}, policyTypes: ['Ingress'] })
    expect(findings([...api, denyAll])).toEqual([
      expect.stringMatching(/^PolicyBlocks: NetworkPolicy "deny" limits .*: allow pods with/),
    ])
    const allow = policy('allow', { ...app('api'), ingress: [{ from: [OTHERS, PLATFORM] }] })
    expect(findings([...api, denyAll, allow])).toEqual([])
  })
})

describe('the egress of a NetworkPolicy', () => {
  const manager = { to: [PLATFORM], ports: [{ port: 25080 }] }
  test('that keeps a sidecar from the manager is named', () => {
    const spec = {
      ...app('api'),
      policyTypes: ['Egress'],
      egress: [{ to: [app('db')], ports: [{ port: 5432 }] }],
    }
    expect(findings([...api, policy('api', spec)])).toEqual([
      'PolicyBlocks: NetworkPolicy "api" limits what its pods reach: the sidecar of Deployment "api" needs the manager ' +
        '(namespace branchline-system, port 25080) and the sidecars of other environments (label ' +
        'branchline.dev/sidecar: "true", ports 25001 to 25064), so allow both',
    ])
  })
  test('that allows calls to the port of an app is named', () => {
    const spec = {
      ...app('web'),
      policyTypes: ['Egress'],
      egress: [{ to: [app('api')], ports: [{ port: 8080 }] }],
    }
    expect(findings([...api, policy('web', spec)])).toEqual([
      'PolicyBlocks: NetworkPolicy "web" limits what its pods reach: where it allows calls to Deployment "api", allow ' +
        'port 25001 where it allows 8080',
    ])
  })
  test.each([
    ['allows the manager', { ...app('api'), policyTypes: ['Egress'], egress: [manager, { to: [OTHERS] }] }],
    ['allows everything', { podSelector: {}, policyTypes: ['Egress'], egress: [{}] }],
  ])('is no finding if it %s', (_, spec) => {
    expect(findings([...api, policy('p', spec)])).toEqual([])
  })
})
