import { describe, expect, test } from 'vitest'
import { describeProblem } from '../types.ts'
import { readManifests } from './read.ts'

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: api, namespace: alice }
spec:
  selector: { matchLabels: { app: api } }
  template:
    metadata: { labels: { app: api } }
    spec:
      containers:
        - name: api
          command: [node, server.js]
`
const sentences = (text: string): string[] => readManifests('a.yaml', text).problems.map(describeProblem)

test('documents, lists and JSON are split into objects with their lines, without problems', () => {
  const list =
    '{"kind":"List","apiVersion":"v1","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}]}'
  const { manifests, problems } = readManifests('a.yaml', `${DEPLOYMENT}---\n# nothing\n---\n${list}\n`)
  expect(problems).toEqual([])
  expect(manifests.map(({ object, line }) => [object.kind, object.metadata.namespace, line])).toEqual([
    ['Deployment', 'alice', 2],
    ['ConfigMap', 'default', 16],
  ])
})

describe('invalid input is reported with file, line and field', () => {
  test.each([
    ['a: [1', /^a\.yaml:1: is not valid YAML: /],
    ['just text', /^a\.yaml:1: is not a Kubernetes object/],
    ['kind: Service\napiVersion: v1', /^a\.yaml:1: Service: metadata\.name is missing/],
    [
      DEPLOYMENT.replace('spec:\n  sel', 'spec:\n  replica: 3\n  sel'),
      /^a\.yaml:6: Deployment alice\/api: spec\.replica is not a known field/,
    ],
    [
      DEPLOYMENT.replace('spec:\n  sel', 'spec:\n  replicas: three\n  sel'),
      /^a\.yaml:6: .*spec\.replicas is "three": wanted a number/,
    ],
    [
      DEPLOYMENT.replace('    spec:\n', '    spec:\n      hostPID: true\n'),
      /^a\.yaml:10: .*spec\.template\.spec\.hostPID is not supported/,
    ],
    [DEPLOYMENT.replace('kind: Deployment', 'kind: DaemonSet'), /DaemonSet alice\/api: is not run/],
    [
      'apiVersion: x.io/v1\nkind: Thing\nmetadata: { name: t }',
      /Thing default\/t: of x\.io\/v1 is not supported: it is ignored/,
    ],
    [
      'apiVersion: branchline.dev/v1alpha1\nkind: Environment\nmetadata: { name: a, namespace: a }\nspec: { type: branch, bse: b }',
      /^a\.yaml:4: Environment a\/a: spec\.bse is not a known field: did you mean base/,
    ],
    ['a: &a [x]\nb: [*a, *b]', /^a\.yaml:\d: is not valid YAML/],
  ])('%j', (text, sentence) => {
    const messages = sentences(text)
    expect(messages).toHaveLength(1)
    expect(messages[0]).toMatch(sentence)
  })

  test('an unknown field or an invalid object is ignored, and the rest is kept', () => {
    const wrong = DEPLOYMENT.replace('name: api', 'name: bad').replace('[node, server.js]', '7')
    const odd = DEPLOYMENT.replace('spec:\n  sel', 'spec:\n  replica: 3\n  sel')
    const { manifests, problems } = readManifests('a.yaml', `${wrong}---\n${odd}---\na: [1\n`)
    expect(problems).toHaveLength(3)
    expect(manifests).toHaveLength(1)
    expect(manifests[0]?.object['spec']).not.toHaveProperty('replica')
  })

  test('a document that grows too large by its aliases is refused', () => {
    const bomb = `a: &a [${'x,'.repeat(9)}x]\n${'bcdefg'
      .split('')
      .map((name, index) => `${name}: &${name} [${`*${'abcdef'[index]},`.repeat(9)}x]`)
      .join('\n')}\n`
    expect(sentences(bomb)[0]).toMatch(/not valid YAML/)
  })
})
