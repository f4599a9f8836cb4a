/**
 * The ways of docs/adopting.md with the programs that they name: Helm's own example chart, rendered and piped, as a
 * post-renderer, and through kustomize. `npm run test:helm` builds Helm 3, Helm 4 and kustomize.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { helmCommands, kustomizeCommand } from '@branchline/runtime/peers/deploy-tools'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'

const MAIN = join(import.meta.dirname, '../../cli/main.ts')
const helms = await helmCommands()
const kustomize = await kustomizeCommand()

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'branchline-adopting-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function run(argv: readonly string[], input = ''): string {
  const [file = '', ...args] = argv
  const env = { ...process.env, HELM_PLUGINS: join(folder, 'plugins') }
  const { status, stdout, stderr } = spawnSync(file, args, { input, encoding: 'utf8', cwd: folder, env })
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
  return stdout
}
const branchline = (args: readonly string[], input: string): string =>
  run([process.execPath, MAIN, ...args], input)

interface Rendered {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec?: {
    readonly template?: { readonly spec: { readonly initContainers?: readonly { name: string }[] } }
  }
}
const objectsIn = (yaml: string): Rendered[] =>
  parseAllDocuments(yaml)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null)
const sorted = (yaml: string): Rendered[] =>
  objectsIn(yaml).toSorted((one, other) => one.kind.localeCompare(other.kind))
const sidecarsIn = (yaml: string): string[] =>
  objectsIn(yaml)
    .filter(({ spec }) =>
      spec?.template?.spec.initContainers?.some(({ name }) => name === 'branchline-sidecar'),
    )
    .map(({ kind, metadata }) => `${kind} ${metadata.name}`)

/** Has the chart `shop` in the folder, as `helm create` writes it: with hook, autoscaler, ingress and service account. */
function createChart(helm: string): string[] {
  run([helm, 'create', 'shop'])
  return ['shop', './shop', '--namespace', 'shop', '--set', 'autoscaling.enabled=true,ingress.enabled=true']
}

/** Injection of manifests without an Environment changes what it should, once, and is restored byte for byte. */
function expectInjection(manifests: string): string {
  const injected = branchline(['inject', '-e', 'baseline', '-'], manifests)
  expect(sidecarsIn(injected)).toEqual(['Deployment shop'])
  expect(branchline(['inject', '-e', 'baseline', '-'], injected)).toBe(injected)
  expect(branchline(['uninject', '-'], injected)).toBe(manifests)
  const others = (yaml: string): Rendered[] =>
    objectsIn(yaml).filter(({ kind }) => kind !== 'Deployment' && kind !== 'Service')
  expect(others(injected)).toEqual(others(manifests))
  return injected
}

const MISSING = 'helm (skipped: there is none on the PATH; `npm run test:helm` builds it)'
const rows = helms.size > 0 ? [...helms] : [[MISSING, '']]

describe.skipIf(helms.size === 0).each(rows as [string, string][])('%s', (_name, helm) => {
  test('a rendered chart is injected, with its test pod, autoscaler and ingress as they were', () => {
    const manifests = run([helm, 'template', ...createChart(helm)])
    expect(objectsIn(manifests).map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['ServiceAccount', 'HorizontalPodAutoscaler', 'Ingress', 'Pod']),
    )
    expectInjection(manifests)
  })

  test('a post-renderer injects what Helm installs', () => {
    const chart = createChart(helm)
    const renderer = writeRenderer(run([helm, 'version', '--short']).startsWith('v3'))
    const rendered = run([helm, 'template', ...chart, '--post-renderer', renderer])
    const piped = branchline(['inject', '-e', 'baseline', '-'], run([helm, 'template', ...chart]))
    expect(sidecarsIn(rendered)).toEqual(['Deployment shop'])
    expect(sorted(rendered)).toEqual(sorted(piped))
  })
})

/** Writes the post-renderer, and returns its argument: Helm 3 takes an executable, and Helm 4 a plugin. */
function writeRenderer(isOld: boolean): string {
  const plugin = join(folder, 'plugins', 'branchline')
  mkdirSync(plugin, { recursive: true })
  const script = join(plugin, 'inject.sh')
  const command = `exec '${process.execPath}' '${MAIN}' inject --environment baseline -`
  writeFileSync(script, `#!/bin/sh\n${command}\n`, { mode: 0o755 })
  writeFileSync(join(plugin, 'plugin.yaml'), pluginOfDocs())
  return isOld ? script : 'branchline'
}

/** The `plugin.yaml` that the page shows. */
function pluginOfDocs(): string {
  const page = readFileSync(join(import.meta.dirname, '../../docs/adopting.md'), 'utf8')
  return /```yaml\n(# [^\n]*plugin\.yaml\n[\s\S]*?)```/.exec(page)?.[1] ?? ''
}

const reason = kustomize === undefined ? ' (skipped: there is no kustomize and no kubectl on the PATH)' : ''
test.skipIf(kustomize === undefined)(
  `the output of kustomize is injected, with its Environment${reason}`,
  () => {
    mkdirSync(join(folder, 'base'))
    const labels = { app: 'shop' }
    const deployment = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'shop' },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [{ name: 'shop', image: 'shop:1', ports: [{ name: 'http', containerPort: 8080 }] }],
          },
        },
      },
    }
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'shop' },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
    }
    const environment = {
      apiVersion: 'branchline.dev/v1alpha1',
      kind: 'Environment',
      metadata: { name: 'baseline' },
      spec: { type: 'shared' },
    }
    const files = {
      'base/kustomization.yaml': { resources: ['app.yaml', 'branchline.yaml'] },
      'base/branchline.yaml': environment,
      'kustomization.yaml': {
        resources: ['base'],
        namespace: 'shop',
        images: [{ name: 'shop', newTag: '2' }],
      },
    }
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(folder, name), JSON.stringify(content))
    writeFileSync(
      join(folder, 'base/app.yaml'),
      [deployment, service].map((one) => JSON.stringify(one)).join('\n---\n'),
    )
    const manifests = run([...(kustomize as string[]), '.'])
    const injected = branchline(['inject', '-'], manifests)
    expect(sidecarsIn(injected)).toEqual(['Deployment shop'])
    expect(objectsIn(injected).map(({ metadata }) => metadata.namespace)).toEqual(['shop', 'shop', 'shop'])
    expect(branchline(['inject', '-'], injected)).toBe(injected)
    expect(branchline(['uninject', '-'], injected)).toBe(manifests)
  },
)
