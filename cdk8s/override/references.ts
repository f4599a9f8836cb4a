import { containersOf, type PodTemplate } from '../inject/manifest.ts'

/** An object of its own namespace that pods need. */
export interface Reference {
  readonly kind: 'ConfigMap' | 'Secret' | 'ServiceAccount' | 'PersistentVolumeClaim'
  readonly name: string
  /** Whether the pods also start without it. */
  readonly optional: boolean
}

/** Kubernetes creates them in every namespace. */
const EVERYWHERE = new Set(['ConfigMap/kube-root-ca.crt', 'ServiceAccount/default'])

/** Returns the objects that the pods of a template name, each once: in variables, volumes and the pod's fields. */
export function referencesOf(template: PodTemplate): Reference[] {
  const found = new Map<string, Reference>()
  const add = (kind: Reference['kind'], named: unknown, field = 'name'): void => {
    const { [field]: name, optional } = recordOf(named)
    if (typeof name !== 'string' || EVERYWHERE.has(`${kind}/${name}`)) return
    const before = found.get(`${kind}/${name}`)
    found.set(`${kind}/${name}`, {
      kind,
      name,
      optional: optional === true && (before?.optional ?? true),
    })
  }
  const spec = template.spec ?? {}
  for (const container of containersOf(template)) {
    for (const { configMapRef, secretRef } of listOf(container['envFrom'])) {
      add('ConfigMap', configMapRef)
      add('Secret', secretRef)
    }
    for (const { valueFrom } of listOf(container.env)) {
      const { configMapKeyRef, secretKeyRef } = recordOf(valueFrom)
      add('ConfigMap', configMapKeyRef)
      add('Secret', secretKeyRef)
    }
  }
  for (const volume of listOf(spec.volumes)) {
    add('ConfigMap', volume['configMap'])
    add('Secret', volume['secret'], 'secretName')
    add('PersistentVolumeClaim', volume['persistentVolumeClaim'], 'claimName')
    for (const source of listOf(recordOf(volume['projected'])['sources'])) {
      add('ConfigMap', source['configMap'])
      add('Secret', source['secret'])
    }
  }
  for (const secret of listOf(spec['imagePullSecrets'])) add('Secret', secret)
  add('ServiceAccount', { name: spec['serviceAccountName'] ?? spec['serviceAccount'] })
  return [...found.values()]
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const listOf = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.map(recordOf) : []
