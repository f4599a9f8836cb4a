import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '@branchline/cdk8s/inject/manifest'
import { platformManifests } from '@branchline/cdk8s/platform/manifests'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { platformValues, runPlatform } from '../commands/platform.ts'
import { HELM_DEFAULTS } from './helm.ts'
import { identity } from './installation.ts'
import { anyValues } from './values.fixture.ts'
import { type PlatformValues, propsOf, VALUES } from './values.ts'

/** The tools themselves, where they are: `helm` (or what BRANCHLINE_HELM names) and `kubectl`. */
const HELM = process.env['BRANCHLINE_HELM'] ?? 'helm'
const hasHelm = spawnSync(HELM, ['version']).status === 0
const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0
const KUBE_VERSION = '1.34.0'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-install-'))
  await runPlatform({ format: 'helm', out: join(folder, 'chart') })
})
afterAll(async () => await rm(folder, { recursive: true }))

type Objects = ReadonlyMap<string, Manifest>
const byIdentity = (objects: readonly Manifest[]): Objects =>
  new Map(objects.map((one) => [identity(one), one]))
const made = (values: PlatformValues): Objects =>
  byIdentity(JSON.parse(JSON.stringify(platformManifests(propsOf(values)))) as Manifest[])

function objectsIn(text: string): Objects {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Manifest | null)
  return byIdentity(objects.filter((one) => one !== null))
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

const MISSING = ': skipped, since there is none on the PATH'

describe.skipIf(!hasHelm)(`helm${hasHelm ? '' : MISSING}`, () => {
  async function template(over: object): Promise<Objects> {
    const file = join(folder, 'over.yaml')
    await writeFile(file, stringify(over))
    const args = ['template', 'branchline', join(folder, 'chart'), '--include-crds', '--values', file]
    return objectsIn(run(HELM, [...args, '--kube-version', KUBE_VERSION]))
  }

  test('finds nothing wrong with the chart', () => {
    expect(run(HELM, ['lint', '--strict', join(folder, 'chart')])).toContain('0 chart(s) failed')
  })
  test('renders what the construct makes, of no values', async () => {
    expect(await template({})).toEqual(made({ ...VALUES, ...HELM_DEFAULTS }))
    expect(await template({ createNamespace: true })).toEqual(byIdentity(platformManifests()))
  })
  test('renders what the construct makes, of values', { timeout: 120_000 }, async () => {
    for (const over of fc.sample(anyValues, { numRuns: 25, seed: 1 })) {
      const { expose, nodePort } = over.relay
      const relay = { ...over.relay, expose: nodePort > 0 ? 'NodePort' : expose }
      // As Helm does, over the chart's defaults.
      expect(await template({ ...over, relay })).toEqual(made(platformValues({}, { ...over, relay })))
    }
  })
  test.each([
    [{ relay: { domian: 'x' } }, /domian/],
    [{ relay: { nodePort: 30_080 } }, /expose/],
    [{ cluster: 'EU!' }, /cluster/],
    [{ manager: { replicas: '2' } }, /replicas/],
    [{ relay: { expose: 'Ingress' } }, /expose/],
  ])('refuses %j', async (over, sentence) => {
    await expect(template(over)).rejects.toThrow(sentence)
    expect(() => platformValues({}, over)).toThrow(sentence)
  })
})

describe.skipIf(!hasKubectl)(`kubectl kustomize${hasKubectl ? '' : MISSING}`, () => {
  test.each([
    {},
    { createNamespace: false, monitors: true, relay: { address: 'wss://relay.example.com' } },
    { images: { registry: 'mirror:5000/hub', manager: { digest: `sha256:${'0a'.repeat(32)}` } } },
  ])('builds what the construct makes of %j', async (over) => {
    const [out, values] = [join(folder, 'base'), join(folder, 'values.yaml')]
    await writeFile(values, stringify(over))
    await runPlatform({ format: 'kustomize', values, out })
    expect(objectsIn(run('kubectl', ['kustomize', out]))).toEqual(made(platformValues({}, over)))
  })
})
