import type { Manifest } from '@branchline/cdk8s/inject/manifest'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { render } from './go-template.fixture.ts'
import { HELM_DEFAULTS, helmFiles } from './helm.ts'
import { type Decisions, decidedInstallation, identity, objectsOf } from './installation.ts'
import { templateOf } from './template.ts'
import { anyValues } from './values.fixture.ts'
import { type PlatformValues, VALUES } from './values.ts'

const decisions = decidedInstallation()
const templates = [...decisions].map(([, decided]) => templateOf(decided)).join('')

const rendered = (values: PlatformValues, text = templates): Map<string, Manifest> =>
  byIdentity(
    parseAllDocuments(render(text, { Values: values }))
      .map((document) => document.toJS() as unknown)
      .filter((object): object is Manifest => object !== null),
  )
const byIdentity = (objects: readonly Manifest[]) => new Map(objects.map((one) => [identity(one), one]))
/** As JSON has it, without what is undefined. */
const made = (values: PlatformValues) =>
  byIdentity(JSON.parse(JSON.stringify(objectsOf(values))) as Manifest[])

describe('the chart says what the constructs make', () => {
  test('of no values', () => {
    expect(rendered(VALUES)).toEqual(made(VALUES))
    expect([...rendered(VALUES).keys()]).toEqual([...made(VALUES).keys()])
  })
  test('of any values, texts that are YAML or templates themselves among them', () => {
    fc.assert(
      fc.property(anyValues, (values) => {
        expect(rendered(values)).toEqual(made(values))
      }),
      { numRuns: 300 },
    )
  })
})

describe('the files of a chart', () => {
  const values = { ...VALUES, ...HELM_DEFAULTS }
  const files = helmFiles(values, decisions)
  test('are those that Helm reads', () => {
    expect(Object.keys(files)).toEqual([
      'Chart.yaml',
      'values.yaml',
      'values.schema.json',
      'crds/environments.yaml',
      'crds/previews.yaml',
      'templates/namespace.yaml',
      'templates/relay-token.yaml',
      'templates/rbac.yaml',
      'templates/manager.yaml',
      'templates/relay.yaml',
      'templates/network-policies.yaml',
      'templates/monitors.yaml',
      'templates/NOTES.txt',
    ])
    expect(parse(files['Chart.yaml'] as string)).toMatchObject({ apiVersion: 'v2', name: 'branchline' })
  })
  test('values.yaml has every value at its default, and says what it means', () => {
    expect(parse(files['values.yaml'] as string)).toEqual(values)
    expect(files['values.yaml']).toContain(
      '  # The domain below which previews have their hosts.\n  domain: localhost\n',
    )
  })
  test('all templates together are all objects', () => {
    const together = Object.entries(files)
      .filter(([path]) => /^templates\/.*\.yaml$/.test(path))
      .map(([, text]) => text)
    expect(rendered(values, together.join('\n'))).toEqual(made(values))
  })
  test('CRDs are no templates: Helm takes them as they are', () => {
    const crds = ['crds/environments.yaml', 'crds/previews.yaml'].map(
      (path) => parse(files[path] as string) as Manifest,
    )
    expect(crds.map(({ metadata }) => metadata.name)).toEqual([
      'environments.branchline.dev',
      'previews.branchline.dev',
    ])
  })
  test('the notes name the Secret that is waited for', () => {
    const notes = (some: PlatformValues) =>
      render(files['templates/NOTES.txt'] as string, { Values: some, Chart: { AppVersion: '1.2.3' } })
    expect(notes(VALUES)).toContain('create secret generic branchline-relay-token --from-literal=token=')
    expect(notes({ ...VALUES, relayToken: { ...VALUES.relayToken, value: 'x' } })).not.toContain(
      'create secret',
    )
  })
})

describe('what a chart could not say is refused', () => {
  const changed = (change: (objects: Manifest[], values: PlatformValues) => unknown) => (): Decisions =>
    decidedInstallation((values) => {
      const objects = objectsOf(values)
      change(objects, values)
      return objects
    })
  const deployment = (objects: Manifest[]) =>
    objects.find(({ kind }) => kind === 'Deployment') as Manifest & { spec: Record<string, unknown> }

  test('a value that arrives nowhere', () => {
    const lose = changed((objects) => (deployment(objects).spec.replicas = 2))
    expect(lose).toThrow('no manifest has the value of manager.replicas')
  })
  test('a value of which a part arrives', () => {
    const cut = changed((objects, { cluster }) => (deployment(objects).metadata.name += cluster.slice(0, 2)))
    expect(cut).toThrow('a manifest has a part of a value only')
  })
  test('manifests that differ by how three optional values are combined', () => {
    const conspire = changed((objects, { logLevel, images, pods }) => {
      const isAll = [logLevel, images.registry, pods.priorityClassName].map((one) => one === '').join()
      if (isAll === 'false,true,false') deployment(objects).spec.paused = true
    })
    expect(conspire).toThrow('no template says what the constructs make of')
  })
  test('a number inside of a text', () => {
    const decided = changed((objects, { manager }) => {
      deployment(objects).spec.progressDeadlineSeconds = `${manager.replicas}s`
    })()
    expect(() => [...decided.values()].map(templateOf)).toThrow(
      'manager.replicas is a number inside of a text',
    )
  })
  test('but braces of a manifest stay braces', () => {
    const text = 'a {{ .Values.cluster }} "b" {{- end }}'
    const decided = changed((objects) => (deployment(objects).spec.note = text))()
    const objects = rendered(VALUES, [...decided.values()].map(templateOf).join(''))
    expect(objects.get('Deployment/branchline-system/branchline-manager')?.spec).toMatchObject({ note: text })
  })
})
