import assert from 'node:assert/strict'
import { kube, kubeJson } from './cluster.ts'

/** An Application of Argo CD, as far as the stories look at it. */
export interface Application {
  readonly metadata: { readonly name: string }
  readonly status?: {
    readonly sync?: { readonly status?: string }
    readonly health?: { readonly status?: string }
    readonly operationState?: {
      readonly phase?: string
      readonly startedAt?: string
      readonly message?: string
    }
    readonly resources?: readonly {
      readonly kind: string
      readonly name: string
      readonly status?: string
      readonly health?: { readonly status?: string }
    }[]
  }
}

/** Why Argo CD cannot be asked here; undefined where it can. */
export async function lacking(): Promise<string | undefined> {
  const needed = { 'crd/applicationsets.argoproj.io': 'default', 'service/git': 'git' }
  for (const [object, namespace] of Object.entries(needed)) {
    const found = await kube('-n', namespace, 'get', object, '--ignore-not-found', '-o', 'name')
    if (found.trim() === '') return `this cluster has no ${object}: Argo CD and a git server are not there`
  }
  return undefined
}

export async function applications(): Promise<readonly Application[]> {
  const list = await kubeJson<{ items: Application[] }>('-n', 'argocd', 'get', 'applications.argoproj.io')
  return list.items
}

/** Throws, with what is not so, unless these Applications are there, no others, and all is Synced and Healthy. */
export async function assertSettled(names: readonly string[]): Promise<void> {
  const all = await applications()
  assert.deepEqual(all.map(({ metadata }) => metadata.name).toSorted(), [...names].toSorted())
  const open = all.flatMap(({ metadata, status }) =>
    status?.sync?.status === 'Synced' && status.health?.status === 'Healthy'
      ? []
      : [`${metadata.name}: ${describe(status)}`],
  )
  assert.deepEqual(open, [])
}

function describe(status: Application['status']): string {
  const resources = (status?.resources ?? [])
    .filter(({ status, health }) => status !== 'Synced' || (health?.status ?? 'Healthy') !== 'Healthy')
    .map(({ kind, name, status, health }) => `${kind}/${name} ${status} ${health?.status ?? ''}`)
  const { sync, health, operationState } = status ?? {}
  return [sync?.status, health?.status, operationState?.phase, operationState?.message, ...resources].join(
    ', ',
  )
}

/** When each Application's last operation began: as long as that stays, nothing is synced over and over. */
export async function operations(): Promise<Record<string, string | undefined>> {
  return Object.fromEntries(
    (await applications()).map(({ metadata, status }) => [metadata.name, status?.operationState?.startedAt]),
  )
}
