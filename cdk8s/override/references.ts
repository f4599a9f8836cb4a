import type { PodSpec } from '../inject/manifest.ts'

/** A field of pods that names an object of their namespace. */
export interface PodReference {
  readonly kind: 'ConfigMap' | 'Secret' | 'ServiceAccount' | 'PersistentVolumeClaim'
  readonly name: string
  /** The key of a ConfigMap or a Secret, if the field names one. */
  readonly key?: string
  /** Whether the pods also start without it. */
  readonly optional: boolean
  readonly field: string
}

type Add = (kind: PodReference['kind'], named: unknown, field: string) => void
type Fields = Readonly<Record<string, unknown>>

/** Kubernetes creates them in every namespace. */
const EVERYWHERE = new Set(['ConfigMap/kube-root-ca.crt', 'ServiceAccount/default'])
const NAME_FIELDS = ['name', 'secretName', 'claimName']

/**
 * Returns the fields of a pod that name ConfigMaps, Secrets, a ServiceAccount or PersistentVolumeClaims, in the order of
 * the pod: variables and files of containers, then volumes, then fields of the pod. `path` is that of the spec.
 */
export function podReferences(spec: PodSpec, path: string): PodReference[] {
  const found: PodReference[] = []
  const add: Add = (kind, named, field) => {
    const fields = recordOf(named)
    const name = NAME_FIELDS.map((it) => fields[it]).find((it) => typeof it === 'string')
    if (typeof name !== 'string' || EVERYWHERE.has(`${kind}/${name}`)) return
    const { key, optional } = fields
    found.push({ kind, name, field, optional: optional === true, ...(typeof key === 'string' && { key }) })
  }
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, container] of listOf(spec[list]).entries())
      containerReferences(container, `${path}.${list}[${index}]`, add)
  }
  for (const [index, volume] of listOf(spec.volumes).entries())
    volumeReferences(volume, `${path}.volumes[${index}]`, add)
  for (const [index, secret] of listOf(spec['imagePullSecrets']).entries())
    add('Secret', secret, `${path}.imagePullSecrets[${index}].name`)
  const account = spec['serviceAccountName'] ?? spec['serviceAccount']
  add('ServiceAccount', { name: account }, `${path}.serviceAccountName`)
  return found
}

function containerReferences(container: Fields, at: string, add: Add): void {
  for (const [index, { configMapRef, secretRef }] of listOf(container['envFrom']).entries()) {
    add('ConfigMap', configMapRef, `${at}.envFrom[${index}].configMapRef.name`)
    add('Secret', secretRef, `${at}.envFrom[${index}].secretRef.name`)
  }
  for (const [index, { valueFrom }] of listOf(container['env']).entries()) {
    const { configMapKeyRef, secretKeyRef } = recordOf(valueFrom)
    add('ConfigMap', configMapKeyRef, `${at}.env[${index}].valueFrom.configMapKeyRef`)
    add('Secret', secretKeyRef, `${at}.env[${index}].valueFrom.secretKeyRef`)
  }
}

function volumeReferences(volume: Fields, at: string, add: Add): void {
  add('ConfigMap', volume['configMap'], `${at}.configMap.name`)
  add('Secret', volume['secret'], `${at}.secret.secretName`)
  add('PersistentVolumeClaim', volume['persistentVolumeClaim'], `${at}.persistentVolumeClaim.claimName`)
  for (const [index, source] of listOf(recordOf(volume['projected'])['sources']).entries()) {
    add('ConfigMap', source['configMap'], `${at}.projected.sources[${index}].configMap.name`)
    add('Secret', source['secret'], `${at}.projected.sources[${index}].secret.name`)
  }
}

const recordOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {}

const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(recordOf) : [])
