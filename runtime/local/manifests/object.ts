import type { KubernetesObject } from '@branchline/wire/kubernetes'

export type { KubernetesObject }

/** The namespace of an object that names none. */
const DEFAULT_NAMESPACE = 'default'

/** The kinds used here that belong to no namespace. */
const CLUSTER_KINDS = new Set([
  'Namespace',
  'CustomResourceDefinition',
  'ClusterRole',
  'ClusterRoleBinding',
  'PriorityClass',
])

type Result = { object: KubernetesObject } | { object?: undefined; message: string }

/** The value as an object with type, name and namespace (by default `default`), or why it is not one. */
export function kubernetesObject(value: unknown): Result {
  if (!isRecord(value)) return { message: 'is not a Kubernetes object: wanted apiVersion, kind and metadata' }
  const { apiVersion, kind, metadata } = value
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    return { message: 'is not a Kubernetes object: apiVersion and kind are missing' }
  }
  if (!isRecord(metadata) || typeof metadata['name'] !== 'string' || metadata['name'] === '') {
    return { message: `${kind}: metadata.name is missing: give it a name` }
  }
  if (CLUSTER_KINDS.has(kind)) return { object: value as unknown as KubernetesObject }
  const namespace = metadata['namespace'] ?? DEFAULT_NAMESPACE
  if (typeof namespace !== 'string') {
    return { message: `${kind} ${metadata['name']}: metadata.namespace: wanted a string` }
  }
  return { object: { ...value, metadata: { ...metadata, namespace } } as unknown as KubernetesObject }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The kind with its group and version, e.g. `apps/v1/Deployment`. */
export const typeOf = (object: KubernetesObject): string => `${object.apiVersion}/${object.kind}`

/** The id of an object within the cluster, such as `Deployment/alice/api`. Does not depend on the API version. */
export const idOf = (object: KubernetesObject): string =>
  `${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`

/** An object's name for messages, such as `Deployment alice/api`. */
export function nameOf(object: KubernetesObject): string {
  const { namespace, name } = object.metadata
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}
