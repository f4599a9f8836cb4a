import assert from 'node:assert/strict'
import { kube, kubeJson } from './cluster.ts'

/** The fields of an Application of Argo CD that the stories read. */
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

/** Returns why Argo CD is not available, or undefined if it is. */
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

/** Throws an error with the difference unless exactly these Applications exist, and all are Synced and Healthy. */
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

/** Returns when each Application's last operation began. If it does not change, Argo CD does not sync repeatedly. */
export async function operations(): Promise<Record<string, string | undefined>> {
  return Object.fromEntries(
    (await applications()).map(({ metadata, status }) => [metadata.name, status?.operationState?.startedAt]),
  )
}
