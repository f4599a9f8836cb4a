import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { platformText } from './platform.ts'

const OPTIONS = { cluster: 'eu', domain: 'preview.example.com', expose: 'LoadBalancer' }
const kinds = (text: string): unknown[] =>
  parseAllDocuments(text).map((document) => (document.toJS() as { kind: string }).kind)

test('one text installs all: CRDs before what needs them, a visitors’ Service, policies', () => {
  const text = platformText(OPTIONS)
  expect(kinds(text).slice(0, 3)).toEqual([
    'Namespace',
    'CustomResourceDefinition',
    'CustomResourceDefinition',
  ])
  expect(kinds(text)).toEqual(
    expect.arrayContaining(['ClusterRole', 'Deployment', 'NetworkPolicy', 'Service']),
  )
  expect(text).toContain('type: LoadBalancer')
  expect(text).toContain('http://preview.example.com:8080')
  expect(kinds(text)).not.toContain('PodMonitor')
})

test('a relay elsewhere needs none here; monitors are for who has the operator', () => {
  const text = platformText({ ...OPTIONS, relay: 'wss://relay.example.com', monitors: true })
  expect(text).toContain('wss://relay.example.com')
  expect(text).not.toContain('branchline-relay-visitors')
  expect(kinds(text).filter((kind) => kind === 'PodMonitor')).toHaveLength(2)
})

test.each([
  [{ ...OPTIONS, expose: 'Ingress' }, /--expose is Ingress/],
  [{ ...OPTIONS, cluster: 'EU!' }, /cluster is "EU!"/],
  [{ ...OPTIONS, relay: 'relay.example.com' }, /relay is "relay\.example\.com"/],
])('%j is refused with a sentence', (options, sentence) => {
  expect(() => platformText(options)).toThrow(sentence)
})
