import type { Manifest, PodSpec } from '@branchline/cdk8s/inject/manifest'
import { type PodReference, podReferences } from '@branchline/cdk8s/override'
import { nearest } from '@branchline/wire/near'
import type { ObjectProblem } from './object-problem.ts'

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
    const needed = podReferences(spec, path).filter((it) => isNeeded(it))
    return distinct(needed).flatMap((reference) => {
      if (made.has(`${namespace}/${reference.name}`) && reference.kind === 'Secret') return []
      const message = faultOf(reference, local)
      if (message === undefined) return []
      const isKey = reference.key !== undefined && local.some((one) => isIt(one, reference))
      const severity = reference.kind === 'Secret' && !isKey ? 'note' : 'error'
      return [{ severity, kind, namespace, name, field: reference.field, message } as const]
    })
  })
}

function faultOf(reference: PodReference, local: readonly Manifest[]): string | undefined {
  const { kind, name, key, field } = reference
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

/** Pods start without a Secret for pulling images. Accounts and claims are often not in the manifests. */
const isNeeded = ({ kind, optional, field }: PodReference): boolean =>
  !optional && (kind === 'ConfigMap' || kind === 'Secret') && !field.includes('.imagePullSecrets[')

const isIt = ({ kind, metadata }: Manifest, reference: PodReference): boolean =>
  kind === reference.kind && metadata.name === reference.name

const keysOf = ({ data, binaryData, stringData }: Manifest): string[] =>
  [data, binaryData, stringData].flatMap((map) => Object.keys(map ?? {}))

/** Several fields that name the same thing are one problem. */
function distinct(references: readonly PodReference[]): PodReference[] {
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
