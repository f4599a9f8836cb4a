import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { runPlatform } from '../commands/platform.ts'

const hasKubectl = spawnSync('kubectl', ['kustomize', '--help']).status === 0

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-kustomize-'))
})
afterAll(async () => await rm(folder, { recursive: true }))

interface Identified {
  readonly kind: string
  readonly metadata: { readonly name: string }
}

const objectsIn = (text: string): Map<string, Identified> =>
  new Map(
    parseAllDocuments(text)
      .map((document) => document.toJS() as Identified)
      .map((one) => [`${one.kind}/${one.metadata.name}`, one]),
  )

describe.skipIf(!hasKubectl)(
  `kubectl kustomize${hasKubectl ? '' : ' (skipped: there is no kubectl)'}`,
  () => {
    test.each([
      {},
      {
        createNamespace: false,
        podMonitor: { enabled: true },
        relay: { address: 'wss://relay.example.com' },
      },
      {
        image: { registry: 'mirror:5000/hub' },
        manager: { image: { digest: `sha256:${'0a'.repeat(32)}` } },
      },
    ])('builds the objects of the construct from %j', async (over) => {
      const [out, values] = [join(folder, 'base'), join(folder, 'values.yaml')]
      await writeFile(values, stringify(over))
      await runPlatform({ format: 'kustomize', values, out })
      const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', out], { encoding: 'utf8' })
      expect([status, stderr]).toEqual([0, ''])
      expect(objectsIn(stdout)).toEqual(objectsIn(await runPlatform({ format: 'yaml', values })))
    })
  },
)
