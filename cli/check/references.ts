import type { Manifest, PodSpec } from '@branchline/cdk8s/inject/manifest'
import { nearest } from '@branchline/wire/near'
import type { ObjectProblem } from './object-problem.ts'

type Kind = 'ConfigMap' | 'Secret'

/** A reference from a pod to a ConfigMap or a Secret, or to one of its keys. */
interface Reference {
  readonly kind: Kind
  readonly name: string
  readonly key?: string
  readonly field: string
}

/** Objects that a cluster makes by itself in each namespace. */
const GIVEN = new Set(['ConfigMap/kube-root-ca.crt'])

/**
 * The ConfigMaps and Secrets that pods need and that the manifests do not contain. A missing Secret is only a note,
 * because Secrets are often not in git, and none at all if an object that makes it is there.
 */
export function missingReferences(manifests: readonly Manifest[]): ObjectProblem[] {
  const holders = manifests.filter(({ kind }) => kind === 'ConfigMap' || kind === 'Secret')
  const made = madeSecrets(manifests)
  return manifests.flatMap((manifest) => {
    const { kind, metadata } = manifest
    const { spec, path } = podSpecOf(manifest) ?? {}
    if (spec === undefined || path === undefined) return []
    const { namespace, name = '' } = metadata
    const local = holders.filter((one) => one.metadata.namespace === namespace)
    return distinct(referencesOf(spec, path)).flatMap((reference) => {
      if (made.has(`${namespace}/${reference.name}`) && reference.kind === 'Secret') return []
      const message = faultOf(reference, local)
      if (message === undefined) return []
      const isKey = reference.key !== undefined && local.some((one) => isIt(one, reference))
      const severity = reference.kind === 'Secret' && !isKey ? 'note' : 'error'
      return [{ severity, kind, namespace, name, field: reference.field, message } as const]
    })
  })
}

function faultOf(reference: Reference, local: readonly Manifest[]): string | undefined {
  const { kind, name, key, field } = reference
  if (GIVEN.has(`${kind}/${name}`)) return undefined
  const holder = local.find((one) => isIt(one, reference))
  if (holder === undefined) {
    const near = nearest(
      name,
      local.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name ?? ''),
    )
    const remedy =
      near === undefined ? `add it, create it in the cluster, or set optional: true` : `did you mean ${near}?`
    return `${field} names ${kind} "${name}", which the manifests do not contain in this namespace: ${remedy}`
  }
  if (key === undefined || keysOf(holder).includes(key)) return undefined
  const near = nearest(key, keysOf(holder))
  const remedy =
    near === undefined ? `it has ${keysOf(holder).join(', ') || 'none'}` : `did you mean ${near}?`
  return `${field} names the key "${key}" of ${kind} "${name}", which it does not have: ${remedy}`
}

const isIt = ({ kind, metadata }: Manifest, reference: Reference): boolean =>
  kind === reference.kind && metadata.name === reference.name

const keysOf = ({ data, binaryData, stringData }: Manifest): string[] =>
  [data, binaryData, stringData].flatMap((map) => Object.keys(map ?? {}))

/** Several fields that name the same thing are one problem. */
function distinct(references: readonly Reference[]): Reference[] {
  const seen = new Map(
    references.toReversed().map((one) => [`${one.kind}/${one.name}/${one.key ?? ''}`, one]),
  )
  return [...seen.values()].toReversed()
}

/** The pod spec of a workload, a Job, a CronJob or a Pod, and its path. */
function podSpecOf(manifest: Manifest): { spec: PodSpec; path: string } | undefined {
  if (manifest.kind === 'Pod') return { spec: (manifest.spec ?? {}) as PodSpec, path: 'spec' }
  const spec = (manifest.spec ?? {}) as {
    template?: { spec?: PodSpec }
    jobTemplate?: { spec?: { template?: { spec?: PodSpec } } }
  }
  const inJob = spec.jobTemplate?.spec?.template?.spec
  if (isMap(inJob)) return { spec: inJob, path: 'spec.jobTemplate.spec.template.spec' }
  const own = spec.template?.spec
  return isMap(own) && Array.isArray(own.containers) ? { spec: own, path: 'spec.template.spec' } : undefined
}

function referencesOf(spec: PodSpec, path: string): Reference[] {
  const found: Reference[] = []
  const add = (kind: Kind, named: unknown, field: string, key?: unknown): void => {
    if (!isMap(named) || named['optional'] === true) return
    const name = named['name'] ?? named['secretName']
    if (typeof name === 'string') found.push({ kind, name, field, ...(typeof key === 'string' && { key }) })
  }
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, container] of listOf(spec[list]).entries()) {
      const at = `${path}.${list}[${index}]`
      for (const [place, from] of listOf(container['envFrom']).entries()) {
        add('ConfigMap', from['configMapRef'], `${at}.envFrom[${place}].configMapRef.name`)
        add('Secret', from['secretRef'], `${at}.envFrom[${place}].secretRef.name`)
      }
      for (const [place, variable] of listOf(container['env']).entries()) {
        const from = isMap(variable['valueFrom']) ? variable['valueFrom'] : {}
        for (const [kind, field] of KEY_REFERENCES) {
          const reference = from[field]
          add(
            kind,
            reference,
            `${at}.env[${place}].valueFrom.${field}`,
            isMap(reference) ? reference['key'] : undefined,
          )
        }
      }
    }
  }
  for (const [index, volume] of listOf(spec.volumes).entries())
    volumeReferences(volume, `${path}.volumes[${index}]`, add)
  return found
}

const KEY_REFERENCES = [
  ['ConfigMap', 'configMapKeyRef'],
  ['Secret', 'secretKeyRef'],
] as const

function volumeReferences(
  volume: Readonly<Record<string, unknown>>,
  at: string,
  add: (kind: Kind, named: unknown, field: string) => void,
): void {
  add('ConfigMap', volume['configMap'], `${at}.configMap.name`)
  add('Secret', volume['secret'], `${at}.secret.secretName`)
  const projected = isMap(volume['projected']) ? volume['projected'] : {}
  for (const [index, source] of listOf(projected['sources']).entries()) {
    add('ConfigMap', source['configMap'], `${at}.projected.sources[${index}].configMap.name`)
    add('Secret', source['secret'], `${at}.projected.sources[${index}].secret.name`)
  }
}

/** Secrets that other objects of the manifests make: `namespace/name`. */
function madeSecrets(manifests: readonly Manifest[]): Set<string> {
  return new Set(
    manifests.flatMap(({ kind, metadata, spec }) => {
      const { secretName, target } = (spec ?? {}) as { secretName?: string; target?: { name?: string } }
      if (kind === 'SealedSecret') return [`${metadata.namespace}/${metadata.name}`]
      if (kind === 'ExternalSecret') return [`${metadata.namespace}/${target?.name ?? metadata.name}`]
      if (kind === 'Certificate') return [`${metadata.namespace}/${secretName}`]
      return []
    }),
  )
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const listOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.filter(isMap) : []
