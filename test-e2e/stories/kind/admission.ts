import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Platform } from '@branchline/cdk8s'
import { SHOP, synthesise } from '@branchline/gitops/synth'
import { CustomObjectsApi, KubeConfig } from '@kubernetes/client-node'
import { GROUP, VERSION } from '@branchline/wire/names'
import { CORPUS, REFUSED_BY_CEL_ALONE, type Case } from '../../../runtime/wire/resources/corpus.fixture.ts'
import { injectTexts } from 'branchline/commands/inject.ts'
import { App } from 'cdk8s'
import { parseAllDocuments } from 'yaml'
import { context, kube, kubeWith } from '../../harness/kind/cluster.ts'
import { apply } from '../../harness/kind/probes.ts'
import type { Proof } from '../proof.ts'

const FOREIGN = join(import.meta.dirname, '../../foreign')
const STRICT = ['apply', '--server-side', '--force-conflicts', '--dry-run=server', '--validate=strict']
const CORPUS_NAMESPACE = 'corpus'

const platform = (): string => {
  const app = new App()
  const relay = { expose: 'NodePort', nodePort: 30_080, publicUrl: 'http://localhost:30080' } as const
  new Platform(app, 'platform', { relay })
  return app.synthYaml()
}

async function foreign(): Promise<string> {
  const files = (await readdir(FOREIGN)).filter((file) => file.endsWith('.yaml'))
  const read = async (file: string) => ({ file, text: await readFile(join(FOREIGN, file), 'utf8') })
  const { outputs, problems } = injectTexts(await Promise.all(files.map(read)))
  assert.deepEqual(problems, [])
  return outputs.map(({ text }) => text).join('\n---\n')
}

interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string }
}

/** Validates manifests strictly by a dry run of the API server, and creates the needed namespaces for that time. */
async function admitted(text: string): Promise<number> {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Named | null)
  const namespaces = objects.filter((object) => object?.kind === 'Namespace') as Named[]
  const there = new Set((await kube('get', 'namespaces', '-o', 'name')).split('\n'))
  const lacking = namespaces.filter(({ metadata }) => !there.has(`namespace/${metadata.name}`))
  await Promise.all(lacking.map((namespace) => apply([namespace])))
  try {
    const { code, stdout, stderr } = await kubeWith(text, ...STRICT, '-f', '-')
    assert.equal(code, 0, stderr)
    assert.equal(stderr, '', 'the API server warns')
    return stdout.trim().split('\n').length
  } finally {
    for (const { metadata } of lacking) await kube('delete', 'namespace', metadata.name, '--wait=false')
  }
}

export const strictlyAdmitted: Proof = {
  title:
    'the API server accepts the objects of Platform, the sample and inject, strictly and without a warning',
  async prove() {
    const counts = {
      platform: await admitted(platform()),
      sample: await admitted(Object.values(SHOP).map(synthesise).join('---\n')),
      injected: await admitted(await foreign()),
    }
    return Object.entries(counts)
      .map(([what, count]) => `${what} ${count} objects`)
      .join(', ')
  },
}

export const sameJudgement: Proof = {
  title: 'the API server and the parser accept and refuse the same resources',
  async prove() {
    const config = new KubeConfig()
    config.loadFromDefault()
    config.setCurrentContext(context())
    const api = config.makeApiClient(CustomObjectsApi)
    await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: CORPUS_NAMESPACE } }])
    const isTaken = async ({ object }: Case): Promise<boolean> => {
      const metadata = { ...(object['metadata'] as object), namespace: CORPUS_NAMESPACE }
      try {
        await api.createNamespacedCustomObject({
          group: GROUP,
          version: VERSION,
          namespace: CORPUS_NAMESPACE,
          plural: `${String(object['kind']).toLowerCase()}s`,
          body: { ...object, metadata },
          dryRun: 'All',
          fieldValidation: 'Strict',
        })
        return true
      } catch (error) {
        const { code } = error as { code?: number }
        if (code === 400 || code === 422) return false
        throw error
      }
    }
    try {
      const wrong: string[] = []
      for (const one of CORPUS) {
        if ((await isTaken(one)) !== (one.refused === undefined)) wrong.push(one.what)
      }
      for (const one of REFUSED_BY_CEL_ALONE) if (await isTaken(one)) wrong.push(one.what)
      assert.deepEqual(wrong, [])
      return `${CORPUS.length + REFUSED_BY_CEL_ALONE.length} resources judged alike`
    } finally {
      await kube('delete', 'namespace', CORPUS_NAMESPACE, '--wait=false')
    }
  },
}

export const readable: Proof = {
  title: '`kubectl get env -A` has readable columns, and `kubectl explain` has descriptions',
  async prove() {
    const table = await kube('get', 'env', '-A')
    const [head = '', ...rows] = table.trim().split('\n')
    for (const column of ['TYPE', 'BASE', 'READY', 'URL']) assert.match(head, new RegExp(`\\b${column}\\b`))
    assert.ok(
      rows.some((row) => /^alice\s.*\bbaseline\s+api\s+True\b/.test(row)),
      table,
    )
    assert.doesNotMatch(table, /[[\]{}]/, 'a column prints JSON')
    const explained = await kube('explain', 'environment.spec.onUnavailable')
    assert.match(explained, /ENUM|enum/)
    assert.match(explained, /DESCRIPTION:\s+\S/)
    return `\n${table}`
  },
}
