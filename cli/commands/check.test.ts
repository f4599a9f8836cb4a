import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { check, checkReport, checkText } from './check.ts'

const root = await mkdtemp(join(tmpdir(), 'branchline-check-'))
afterAll(() => rm(root, { recursive: true }))

let count = 0
async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(root, String(count++))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}
const checked = async (files: Readonly<Record<string, string>>) => check(await folderOf(files))
const environment = (name: string, spec: string): string =>
  `apiVersion: branchline.dev/v1alpha1\nkind: Environment\nmetadata: { name: ${name}, namespace: ${name} }\nspec:\n  ${spec}\n`
const preview = (name: string, namespace: string, spec = '{ service: web, port: 80 }'): string =>
  `apiVersion: branchline.dev/v1alpha1\nkind: Preview\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`

const baseline = environment('baseline', 'type: shared')
/** A Service whose pods are not in the manifests. */
const external =
  'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: baseline }\n' +
  'spec: { type: ExternalName, externalName: web.example.com, ports: [{ port: 80 }] }\n'
const web =
  'apiVersion: v1\nkind: Service\nmetadata: { name: web, namespace: baseline }\n' +
  'spec: { selector: { app: web }, ports: [{ name: http, port: 80 }] }\n'

test('a valid folder has no problem; other kinds and hidden folders pass', async () => {
  const result = await checked({
    'baseline.yaml': `${baseline}---\n${preview('web', 'baseline')}---\n${external}`,
    'branches/alice.yml': environment('alice', 'type: branch\n  base: baseline'),
    'other.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n',
    '.git/broken.yaml': 'a: [',
  })
  expect(checkReport(result)).toEqual({
    text: '3 files, 2 environments, 1 preview: no problem found\n',
    exitCode: 0,
  })
})

test.each([
  ['invalid YAML', { 'a.yaml': 'kind: [\n' }, /^error: a.yaml:\d+: invalid YAML: /],
  [
    'an unknown field',
    { 'a.yaml': environment('alice', 'type: shared\n  bsae: x') },
    /^error: a.yaml:6: Environment alice\/alice: spec.bsae is not a known field: did you mean base\?/,
  ],
  [
    'a missing base',
    { 'x/a.yaml': environment('alice', 'type: branch\n  base: gone') },
    /^error: x\/a.yaml:6: Environment alice\/alice: spec.base "gone" is not an environment/,
  ],
  [
    'a cycle',
    {
      'a.yaml': environment('a', 'type: branch\n  base: b'),
      'b.yaml': environment('b', 'type: branch\n  base: a'),
    },
    /a.yaml:6: .*leads back to this environment \(a → b → a\)[^]*b.yaml:6: .*leads back to this environment/,
  ],
  [
    'one key twice',
    { 'a.yaml': environment('a', 'type: shared'), 'b.yaml': environment('b', 'type: shared\n  key: a') },
    /^error: b.yaml:6: Environment b\/b: spec.key "a" is already taken by the environment "a"/,
  ],
  [
    'one host twice',
    {
      'a.yaml': `${environment('b--c', 'type: shared')}---\n${preview('a', 'b--c')}`,
      'b.yaml': `${environment('c', 'type: shared')}---\n${preview('a--b', 'c')}`,
    },
    /results in the host "a--b--c", which the preview/,
  ],
  [
    'an unknown kind of our API group',
    { 'a.yaml': preview('a', 'b').replace('kind: Preview', 'kind: Prewiev') },
    /kind is "Prewiev"/,
  ],
  [
    'one object twice',
    { 'a.yaml': baseline, 'b.yaml': baseline },
    /^error: b.yaml:3: Environment baseline is already in a.yaml:3/,
  ],
  ['a document that is not an object', { 'a.yaml': 'just: data\n' }, /not a Kubernetes object/],
  [
    'metadata that is not a map',
    { 'a.yaml': preview('a', 'b').replace(/metadata: .*/, 'metadata: 3') },
    /metadata is 3: wanted an object/,
  ],
  [
    'a multiplication of aliases',
    {
      'a.yaml': `a: &a [x, x]\nb: &b [${'*a, '.repeat(80)}]\nc: &c [${'*b, '.repeat(80)}]\nd: [${'*c, '.repeat(80)}]\n`,
    },
    /^error: a\.yaml:1: invalid YAML: its aliases repeat more than 400000 values/,
  ],
])('reports %s with file and line', async (_, files: Record<string, string>, message) => {
  const { text, exitCode } = checkReport(await checked(files))
  expect(text).toMatch(message)
  expect(exitCode).toBe(1)
})

test('rejects if the folder does not exist', async () => {
  await expect(check(join(root, 'none'))).rejects.toThrow(
    /none does not exist: name a manifest or a folder of manifests$/,
  )
})

test('reports names that no API server accepts, as printable text', async () => {
  const { text } = checkReport(
    await checked({
      'a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "\\x1b[2J\\nerror: forged" }\n',
      'b\n.yaml': 'a: b\n',
    }),
  )
  expect(text.split('\n')).toEqual([
    'error: a.yaml:3: ConfigMap \\u001b[2J\\nerror: forged: metadata.name is "\\u001b[2J\\nerror: forged": ' +
      'wanted lower-case letters, digits, "-" and ".", a letter or digit at both ends of each part, at most 253 characters',
    expect.stringContaining('error: b\\n.yaml:1: not a Kubernetes object'),
    '2 files, 0 environments, 0 previews: 2 with a problem',
    '',
  ])
})

test('reports names and paths inside pods that no API server accepts, as `up` does', async () => {
  const deployment = (volumes: string, more = ''): string =>
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: api, namespace: base }\nspec:\n' +
    '  selector: { matchLabels: { app: api } }\n  template:\n    metadata: { labels: { app: api } }\n' +
    `    spec:\n      containers: [{ name: app, command: [app] }]\n      volumes: ${volumes}\n${more}`
  const { problems } = await check(
    await folderOf({
      'bad.yaml': deployment('[{ name: ../../escape, emptyDir: {} }]'),
      'unknown-field.yaml': deployment('[{ name: ../up, emptyDir: {} }]', '      hostUsers: false\n').replace(
        'api,',
        'two,',
      ),
      'config.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\ndata: { ../key: a }\n',
    }),
  )
  expect(problems.map(({ file, line, field }) => [file, line, field])).toEqual([
    ['bad.yaml', 10, 'spec.template.spec.volumes[0].name'],
    ['config.yaml', 4, 'data'],
    ['unknown-field.yaml', 10, 'spec.template.spec.volumes[0].name'],
  ])
  expect(problems[0]?.message).toMatch(
    /^Deployment api: spec.template.spec.volumes\[0\].name is "..\/..\/escape": wanted lower-case letters/,
  )
})

test('a link out of the folder is a problem, and a link to its own folder is followed once', async () => {
  const folder = join(root, 'links')
  await mkdir(folder)
  await symlink('/dev/zero', join(folder, 'a.yaml'))
  await symlink('.', join(folder, 'loop'))
  const { problems } = await check(folder)
  expect(problems.map(({ file, message }) => `${file} ${message}`)).toEqual([
    'a.yaml is a symbolic link that leads out of the folder: put a copy here',
  ])
})

const deployment = (name: string, namespace: string, spec: string): string =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n` +
  `  selector: { matchLabels: { app: ${name} } }\n  template:\n    metadata: { labels: { app: ${name} } }\n` +
  `    spec:\n      containers:\n      - name: app\n        command: [app]\n${spec}`
const service = (name: string, namespace: string): string =>
  web
    .replace('name: web, namespace: baseline', `name: ${name}, namespace: ${namespace}`)
    .replace('app: web', `app: ${name}`)
const join3 = (...documents: string[]): string => documents.join('---\n')

test.each([
  [
    'a Preview of a Service that does not exist',
    join3(baseline, web, preview('web', 'baseline', '{ service: wbe, port: 80 }')),
    'error: a.yaml:15: Preview baseline/web: spec.service "wbe" is not a Service of baseline: did you mean web?',
  ],
  [
    'a Preview of a port that the Service does not have',
    join3(baseline, web, preview('web', 'baseline', '{ service: web, port: grpc }')),
    'error: a.yaml:15: Preview baseline/web: spec.port grpc is not a port of Service "web": it has 80 (http)',
  ],
  [
    'a missing ConfigMap',
    join3(
      baseline,
      deployment('web', 'baseline', '        envFrom: [{ configMapRef: { name: settings } }]\n'),
    ),
    'error: a.yaml:18: Deployment baseline/web: spec.template.spec.containers[0].envFrom[0].configMapRef.name names ' +
      'ConfigMap "settings", which the manifests do not contain in this namespace: add it, create it in the cluster, or set optional: true',
  ],
  [
    'a missing key',
    join3(
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings, namespace: baseline }\ndata: { colour: red }\n',
      deployment(
        'web',
        'baseline',
        '        env: [{ name: A, valueFrom: { configMapKeyRef: { name: settings, key: color } } }]\n',
      ),
    ),
    'names the key "color" of ConfigMap "settings", which it does not have: did you mean colour?',
  ],
  [
    'a missing Secret, as a note',
    deployment('web', 'baseline', '      volumes: [{ name: a, secret: { secretName: token } }]\n'),
    'note: a.yaml:12: Deployment baseline/web: spec.template.spec.volumes[0].secret.secretName names Secret "token"',
  ],
  [
    'an override that no environment above has',
    join3(
      baseline,
      web,
      environment('alice', 'type: branch\n  base: baseline'),
      service('wbe', 'alice'),
      deployment('wbe', 'alice', ''),
    ),
    'note: a.yaml:21: Service alice/wbe: metadata.name "wbe" is not a Service of baseline: did you mean web?',
  ],
  [
    'an override that selects no pod',
    join3(baseline, web, environment('alice', 'type: branch\n  base: baseline'), service('web', 'alice')),
    'note: a.yaml:22: Service alice/web: Service "web" selects no workload of these manifests',
  ],
])('reports %s', async (_, text, message) => {
  const report = checkReport(await checked({ 'a.yaml': text }))
  expect(report.text).toContain(message)
  expect(report.exitCode).toBe(message.startsWith('note') ? 0 : 1)
})

test('says nothing about what is optional, what the cluster makes, or what another object makes', async () => {
  const spec =
    '        envFrom: [{ configMapRef: { name: a, optional: true } }, { secretRef: { name: sealed } }]\n' +
    '      volumes:\n      - { name: ca, configMap: { name: kube-root-ca.crt } }\n' +
    '      - { name: tls, secret: { secretName: cert } }\n'
  const { problems, findings } = await checked({
    'a.yaml': join3(
      deployment('web', 'baseline', spec),
      'apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: { name: sealed, namespace: baseline }\n',
      'apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: { name: c, namespace: baseline }\nspec: { secretName: cert }\n',
    ),
  })
  expect({ problems, findings }).toEqual({ problems: [], findings: [] })
})

test('takes objects without a namespace as those of "default", as kubectl and `up` do', async () => {
  const unnamed = (text: string): string => text.replaceAll(', namespace: baseline', '')
  const { problems, findings } = await checked({
    'a.yaml': join3(unnamed(web), unnamed(deployment('web', 'baseline', ''))),
    'branchline.yaml': join3(baseline, preview('web', 'baseline')).replaceAll(
      'namespace: baseline',
      'namespace: default',
    ),
  })
  expect({ problems, findings }).toEqual({ problems: [], findings: [] })
})

test('an empty folder is a problem', async () => {
  const { text, exitCode } = checkReport(await checked({ 'notes.txt': 'x' }))
  expect(text).toMatch(/^error: .*there is no Kubernetes object here: name a file or a folder with manifests/)
  expect(exitCode).toBe(1)
})

test.each([
  [
    'a chart',
    { 'Chart.yaml': 'name: x\n', 'templates/a.yaml': 'a: {{ .Values.a }}\n' },
    /is a Helm chart: render it first: helm template NAME .* \| branchline check -/,
  ],
  [
    'a template',
    { 'a.yaml': 'apiVersion: v1\nkind: Service\nmetadata:\n  name: {{ .Release.Name }}\n' },
    /^error: a.yaml: this is a Helm template, not YAML: render the chart first/,
  ],
  [
    'a template that breaks the YAML',
    { 'a.yaml': 'apiVersion: v1\n{{- if .Values.x }}\nkind: Service\n{{- end }}\n' },
    /this is a Helm template/,
  ],
  [
    'a kustomization',
    { 'kustomization.yaml': 'resources: [a.yaml]\n', 'a.yaml': 'kind: Patch\n' },
    /render it first: kubectl kustomize .* \| branchline check -/,
  ],
  [
    'a kustomization further down',
    { 'dev/kustomization.yaml': 'resources: [a.yaml]\n' },
    /^error: dev\/kustomization.yaml: .*render it first: kubectl kustomize/,
  ],
])('says how to render %s', async (_, files: Record<string, string>, message) => {
  const { text, exitCode } = checkReport(await checked(files))
  expect(text).toMatch(message)
  expect(exitCode).toBe(1)
})

test('a template in a text of a ConfigMap is no template', async () => {
  const text =
    'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: alerts }\ndata:\n  a.tmpl: |\n    {{ define "x" }}\n    summary: {{ .Annotations.summary }}\n    {{ end }}\n'
  expect((await checked({ 'a.yaml': text })).problems).toEqual([])
})

test('checks a text, and prints JSON', () => {
  const report = checkReport(checkText('stdin', environment('a', 'type: branch\n  base: gone')), 'json')
  expect(report.exitCode).toBe(1)
  expect(JSON.parse(report.text)).toMatchObject({
    problems: [{ file: 'stdin', line: 6, field: 'spec.base' }],
    environments: 1,
  })
})
