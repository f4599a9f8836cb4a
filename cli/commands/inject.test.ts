import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { injectReport, injectTexts, missingEnvironment, uninjectTexts } from './inject.ts'

const YAML = `# The shop's API.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api # as the Service says
spec:
  # one is enough
  replicas: 1
  selector:
    matchLabels: { app: api }
  template:
    metadata:
      labels: { app: api }
    spec:
      containers:
        - name: api
          image: shop/api:1 # pinned
          ports:
            - name: web
              containerPort: 8080
---
# Left as it is, odd style and all.
apiVersion:   v1
kind: ConfigMap
metadata: {name:   settings}
data:
    a:   "1"
---
apiVersion: v1
kind: Service
metadata:
  name: api
spec:
  selector:
    app: api
  ports:
    - port: 80
      targetPort: web # by name
`
const options = { environment: 'alice', above: ['baseline'] }
const file = 'shop/api.yaml'

test('keeps comments and order, and leaves other documents unchanged byte for byte', () => {
  const { outputs, changes } = injectTexts([{ file, text: YAML }], options)
  const text = outputs[0]?.text ?? ''
  expect(changes.map(({ message }) => message)).toEqual([
    'Deployment api: its pods get a sidecar',
    'Service api: its ports target the sidecar',
  ])
  expect(text).toContain(
    "# The shop's API.\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api # as the Service says\n",
  )
  expect(text).toContain('image: shop/api:1 # pinned')
  expect(text).toContain(
    YAML.slice(YAML.indexOf('---\n# Left'), YAML.indexOf('---\napiVersion: v1\nkind: Service')),
  )
  expect(text).toMatch(/targetPort: branchline-\d+ # by name/)
  expect(parseAllDocuments(text)).toHaveLength(3)
})

test('a second injection changes nothing, and uninject restores the text byte for byte', () => {
  const once = injectTexts([{ file, text: YAML }], options).outputs
  const twice = injectTexts(once, options)
  expect(twice.outputs).toEqual(once)
  expect(twice.changes).toEqual([])
  expect(uninjectTexts(once).outputs[0]?.text).toBe(YAML)
})

test('an existing sidecar is replaced if options of the sidecar are given, and kept otherwise', () => {
  const once = injectTexts([{ file, text: YAML }], {
    ...options,
    sidecar: { image: 'mirror/sidecar:1' },
  }).outputs
  expect(injectTexts(once, options).outputs).toEqual(once)
  const replaced = injectTexts(once, { ...options, sidecar: { image: 'mirror/sidecar:2' } }).outputs[0]?.text
  expect(replaced).toContain('mirror/sidecar:2')
})

test('a Service and its workload may be in two files, in a List, or in JSON', () => {
  const [deployment, , service] = parseAllDocuments(YAML).map((it) => it.toJS() as object)
  const list = { apiVersion: 'v1', kind: 'List', items: [deployment, service] }
  const inputs = [
    [
      { file: 'a.yaml', text: YAML.split('---\n')[0] as string },
      { file: 'b.yaml', text: YAML.split('---\n')[2] as string },
    ],
    [{ file: 'list.json', text: `${JSON.stringify(list, null, 2)}\n` }],
  ]
  for (const input of inputs) {
    const outcome = injectTexts(input, options)
    expect(outcome.changes).toHaveLength(2)
    expect(outcome.outputs.map(({ text }) => text).join('')).toContain('branchline-sidecar')
    expect(uninjectTexts(outcome.outputs).outputs).toEqual(input)
  }
})

test('says what happens to each object', () => {
  const job =
    'apiVersion: batch/v1\nkind: Job\nmetadata: { name: migrate }\nspec:\n  template:\n    spec:\n      containers:\n        - name: a\n'
  const inputs = [
    { file, text: YAML },
    { file: 'job.yaml', text: job },
  ]
  const said = (outcome: ReturnType<typeof injectTexts>) => outcome.changes.map(({ message }) => message)
  const injected = injectTexts(inputs, options)
  expect(said(injected)).toEqual([
    'Deployment api: its pods get a sidecar',
    'Service api: its ports target the sidecar',
    'Job migrate: its pods join the environment, without a sidecar',
  ])
  expect(said(injectTexts(injected.outputs, { ...options, sidecar: { cpu: '50m' } }))).toEqual([
    'Deployment api: its sidecar is updated',
  ])
  expect(said(uninjectTexts(injected.outputs))).toEqual([
    'Deployment api: its pods lose the sidecar',
    'Service api: its ports target the app again',
    'Job migrate: its pods leave the environment',
  ])
})

test('an alias is written out, and uninject writes it again', () => {
  const text = YAML.replace('matchLabels: { app: api }', 'matchLabels: &labels { app: api }').replace(
    'labels: { app: api }\n    spec',
    'labels: *labels # the same\n    spec',
  )
  const { outputs } = injectTexts([{ file, text }], options)
  expect(outputs[0]?.text).toContain(
    'labels: {app: api, branchline.dev/environment: alice, branchline.dev/sidecar: "true"} # the same\n',
  )
  expect(outputs[0]?.text).toContain(
    `branchline.dev/injected-source: '{"/spec/template/metadata/labels":" *labels"}'`,
  )
  expect(uninjectTexts(outputs).outputs).toEqual([{ file, text }])
})

test('values keep their meaning and their style: octal modes, quotes, merge keys', () => {
  const text = YAML.replace(
    '      containers:',
    '      volumes: [{ name: key, secret: { secretName: key, defaultMode: 0400 } }]\n      containers:',
  )
    .replace('          ports:', '          env: [{ name: A, value: "yes" }]\n          ports:')
    .replace('metadata:\n      labels: { app: api }', 'metadata:\n      labels:\n        <<: { app: api }')
  const { outputs } = injectTexts([{ file, text }], options)
  expect(outputs[0]?.text).toContain('defaultMode: 0400')
  expect(outputs[0]?.text).toContain('value: "yes"')
  expect(outputs[0]?.text).toContain('<<: { app: api }\n        branchline.dev/environment: alice\n')
  expect(uninjectTexts(outputs).outputs).toEqual([{ file, text }])
})

test('what people add to an injected file stays', () => {
  const once = injectTexts([{ file, text: YAML }], options).outputs[0]?.text ?? ''
  const edited = once
    .replace('# one is enough', '# two are better')
    .replace('replicas: 1', 'replicas: 2')
    .replace('        - name: branchline-sidecar', '        # ours\n        - name: branchline-sidecar')
  const again = injectTexts([{ file, text: edited }], { ...options, sidecar: { image: 'mirror/sidecar:2' } })
  expect(again.outputs[0]?.text).toContain(
    '# ours\n        - name: branchline-sidecar\n          image: mirror/sidecar:2',
  )
  expect(uninjectTexts(again.outputs).outputs[0]?.text).toContain('# two are better\n  replicas: 2\n')
})

test('a target port that was changed after the injection stays', () => {
  const text = YAML.replace('targetPort: web', 'targetPort: "8080"')
  const once = injectTexts([{ file, text }], options).outputs[0]?.text ?? ''
  expect(uninjectTexts([{ file, text: once }]).outputs[0]?.text).toBe(text)
})

describe('files that depend on each other', () => {
  const [workload = '', , service = ''] = YAML.split('---\n')
  const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata:\n  x: 1\n  x: 2\n'
  const other = service.replaceAll(/\bapi\b/g, 'other')

  test.each([
    ['the file of the workload', { 'w.yaml': `${workload}---\n${twice}`, 's.yaml': service }],
    ['the file of the Service', { 'w.yaml': workload, 's.yaml': `${service}---\n${twice}` }],
    ['a document with half a workload', { 'w.yaml': `${workload}x: [\n`, 's.yaml': service }],
  ])('%s cannot be edited, so the other file passes unchanged as well', (_name, files) => {
    const inputs = [
      ...Object.entries(files).map(([name, text]) => ({ file: name, text })),
      { file: 'o.yaml', text: `${workload.replaceAll(/\bapi\b/g, 'other')}---\n${other}` },
    ]
    const outcome = injectTexts(inputs, options)
    expect(outcome.outputs.slice(0, 2)).toEqual(inputs.slice(0, 2))
    expect(outcome.problems).toHaveLength(1)
    expect(outcome.findings.map(({ message }) => message)).toEqual([
      expect.stringMatching(/ api: left as it is, because it belongs together with [ws]\.yaml$/),
    ])
    // Only that file is refused.
    expect(outcome.changes.map(({ file }) => file)).toEqual(['o.yaml', 'o.yaml'])
  })
})

test('inject and uninject restore third-party manifests byte for byte', () => {
  const inputs = ['library.yaml', 'new-books.yaml'].map((name) => {
    return {
      file: name,
      text: readFileSync(join(import.meta.dirname, '../../test-e2e/foreign', name), 'utf8'),
    }
  })
  const { outputs, changes } = injectTexts(inputs)
  expect(changes.length).toBeGreaterThan(6)
  expect(uninjectTexts(outputs).outputs).toEqual(inputs)
})

describe('bad input', () => {
  test('invalid YAML passes unchanged, and is reported with its line', () => {
    const text = 'a: 1\nb: [\n'
    const outcome = injectTexts(
      [
        { file: 'x.yaml', text },
        { file, text: YAML },
      ],
      options,
    )
    expect(outcome.outputs[0]?.text).toBe(text)
    expect(outcome.changes).toHaveLength(2)
    const { text: report, exitCode } = injectReport(outcome)
    expect(report).toMatch(/^error: x.yaml:\d+: invalid YAML: /)
    expect(exitCode).toBe(1)
  })

  test('no environment', () => {
    expect(missingEnvironment([{ file, text: YAML }], {})).toMatch(/set --environment NAME/)
    expect(missingEnvironment([{ file, text: YAML }], options)).toBeUndefined()
  })

  test('an object that is not routed is a note with its line', () => {
    const text = YAML.replace('  selector:\n    app: api\n', '  clusterIP: None\n  selector:\n    app: api\n')
    const { text: report, exitCode } = injectReport(injectTexts([{ file, text }], options))
    expect(report).toMatch(/note: shop\/api.yaml:\d+: Service api: .* is headless/)
    expect(exitCode).toBe(0)
  })

  test.each(['null', '[]', 'just text', 'kind: Service', 'apiVersion: v1\nkind: Service\nmetadata: 3', ''])(
    '%j passes',
    (text) => {
      expect(injectTexts([{ file, text }], options).outputs[0]?.text).toBe(text)
    },
  )
})
