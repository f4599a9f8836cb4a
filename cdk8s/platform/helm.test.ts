/**
 * The chart in Helm itself: `helm` on the PATH, or the command that BRANCHLINE_HELM names. `npm run test:helm`
 * builds Helm 3 and Helm 4 (Go modules, some minutes, once) and runs these tests with both. They are skipped,
 * and say so, where there is no Helm; `chart.test.ts` renders the chart everywhere.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { helmCommands } from '../../runtime/peers/deploy-tools.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { CHART, constructObjects, type Objects, objectsIn } from './chart.fixture.ts'
import { crdManifests } from './manifests.ts'
import { anyValues } from './values.fixture.ts'
import { PLATFORM_VALUES } from './values.ts'

const run = promisify(execFile)
const RENDER_TIMEOUT_MS = 120_000
const KUBE_VERSION = '1.34.0'

const commands = await helmCommands()

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-helm-'))
})
afterAll(async () => await rm(folder, { recursive: true }))

async function template(helm: string, over: object): Promise<Objects> {
  const file = join(folder, 'over.yaml')
  await writeFile(file, stringify(over))
  const args = ['template', 'branchline', CHART, '--include-crds', '--values', file]
  const { stdout } = await run(helm, [...args, '--kube-version', KUBE_VERSION], { maxBuffer: 2 ** 24 })
  return objectsIn(stdout)
}

const crds = objectsIn(
  crdManifests()
    .map((crd) => stringify(crd))
    .join('---\n'),
)
const withCrds = (objects: Objects): Objects => new Map([...objects, ...crds])

const MISSING = 'helm (skipped: there is none on the PATH; `npm run test:helm` builds it)'
const rows = commands.size > 0 ? [...commands] : [[MISSING, '']]

describe.skipIf(commands.size === 0).each(rows as [string, string][])('%s', (_name, helm) => {
  test('finds nothing wrong with the chart', async () => {
    const { stdout } = await run(helm, ['lint', '--strict', CHART])
    expect(stdout).toContain('0 chart(s) failed')
  })
  test('renders the objects of the construct for the default values', async () => {
    expect(await template(helm, {})).toEqual(
      withCrds(constructObjects({ ...PLATFORM_VALUES, createNamespace: false })),
    )
  })
  test('renders the objects of the construct for random values', { timeout: RENDER_TIMEOUT_MS }, async () => {
    const { manager, relay } = PLATFORM_VALUES
    for (const random of fc.sample(anyValues, { numRuns: 25, seed: 1 })) {
      // Helm merges maps: other resources would keep what the defaults request.
      const values = {
        ...random,
        manager: { ...random.manager, resources: manager.resources },
        relay: { ...random.relay, resources: relay.resources },
      }
      expect(await template(helm, values)).toEqual(withCrds(constructObjects(values)))
    }
  })
  test.each([
    [{ relay: { domian: 'x' } }, /domian/],
    [
      { relay: { service: { nodePort: 30_080 } } },
      /relay\.service\.nodePort is 30080, but relay\.service\.type is ClusterIP/,
    ],
    [{ cluster: 'EU!' }, /cluster/],
    [{ manager: { replicas: '2' } }, /replicas/],
    [{ relay: { service: { type: 'Ingress' } } }, /type/],
    [{ relayToken: { secret: '' } }, /secret/],
  ])('refuses %j', async (over, sentence) => {
    await expect(template(helm, over)).rejects.toThrow(sentence)
  })
})
