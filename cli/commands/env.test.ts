import type { KubernetesObject } from '@branchline/wire/kubernetes'
import type { LocalPatch } from '@branchline/wire/local-api'
import { expect, test } from 'vitest'
import type { Target } from '../target/target.ts'
import { deleteEnvironment } from './env.ts'

const object = (kind: string, name: string, namespace: string, spec: object): KubernetesObject => ({
  apiVersion: 'branchline.dev/v1alpha1',
  kind,
  metadata: { name, namespace },
  spec,
})
const OBJECTS = [
  object('Environment', 'base', 'shop', { type: 'shared' }),
  object('Environment', 'alice', 'alice', { type: 'branch', base: 'base' }),
  object('Preview', 'web', 'shop', { service: 'web' }),
  object('Preview', 'web', 'alice', { service: 'web' }),
]

function target(): { target: Target; patches: LocalPatch[] } {
  const patches: LocalPatch[] = []
  const parts: Partial<Target> = {
    type: 'cluster',
    list: (kind, namespace) =>
      Promise.resolve(
        OBJECTS.filter(
          (it) => it.kind === kind && (namespace ?? it.metadata.namespace) === it.metadata.namespace,
        ),
      ),
    patch: (patch) => Promise.resolve(void patches.push(patch)),
  }
  return { target: parts as Target, patches }
}

test('an environment is deleted with its Previews, which would be a problem without it', async () => {
  const { target: cluster, patches } = target()
  expect(await deleteEnvironment(cluster, 'alice', {})).toContain('Its previews are deleted as well: web\n')
  expect(patches).toEqual([
    { kind: 'Environment', name: 'alice', namespace: 'alice', patch: null },
    { kind: 'Preview', name: 'web', namespace: 'alice', patch: null },
  ])
})

test('a namespace is deleted as a whole, and an environment with branches only if forced', async () => {
  const { target: cluster, patches } = target()
  await deleteEnvironment(cluster, 'alice', { withNamespace: true })
  expect(patches.map(({ kind }) => kind)).toEqual(['Environment', 'Namespace'])
  await expect(deleteEnvironment(cluster, 'base', {})).rejects.toThrow('alice is based on base')
})
