import { containersOf, type Manifest, podTemplateOf, type PodTemplate } from '../inject/manifest.ts'
import { uninject } from '../inject/uninject.ts'
import { changeFaults, changeTemplate, type OverrideChanges } from './changes.ts'
import { copyTo } from './copy.ts'
import { findWorkload, servicesOf, type Wanted } from './find.ts'
import { type PodReference, podReferences } from './references.ts'

type Reference = Pick<PodReference, 'kind' | 'name' | 'optional'>

/** The workload to take, the branch that gets it, and what to change. */
export interface OverrideRequest extends Wanted {
  readonly changes: OverrideChanges
}

/** The objects of an override without sidecars, the workload first, or its faults. */
export interface OverridePlan {
  readonly manifests: readonly Manifest[]
  /** The workload of the base. */
  readonly base?: Manifest
  /** What the pods need and the manifests do not contain, each as a sentence with a remedy. */
  readonly notes: readonly string[]
  /** Each is a sentence without its subject's name. */
  readonly faults: readonly string[]
}

/**
 * Copies a workload of the base to a branch and changes it: with the Services that select it, and the ConfigMaps,
 * Secrets, ServiceAccount and PersistentVolumeClaims that its pods name, as far as the manifests contain them. The value
 * of a Secret is copied only if the manifests contain it. Sidecars are removed. Pure.
 */
export function planOverride(manifests: readonly Manifest[], request: OverrideRequest): OverridePlan {
  const found = findWorkload(manifests, request)
  if (typeof found === 'string') return { manifests: [], notes: [], faults: [found] }
  const { namespace, changes } = request
  const own = manifests.filter(({ metadata }) => metadata.namespace === found.metadata.namespace)
  const [base] = uninject([found]) as [Manifest]
  const workload = copyTo(namespace, base)
  const template = podTemplateOf(workload) as PodTemplate
  const faults = [...changeFaults(changes), ...setReplicas(workload, changes.replicas)]
  if (faults.length === 0) faults.push(...changeTemplate(template, base.metadata.name ?? '', changes))
  if (faults.length === 0) faults.push(...imagesMissing(template))
  const references = withPullSecrets(neededBy(template), own)
  const needed = references.map((reference) => resolve(reference, own, request, found))
  const others = [...uninject(servicesOf(own, base)), ...needed.flatMap(({ manifest }) => manifest ?? [])]
  return {
    base: found,
    manifests: [workload, ...others.map((it) => copyTo(namespace, it))],
    notes: needed.flatMap(({ note }) => note ?? []),
    faults,
  }
}

function setReplicas(workload: Manifest, replicas: number | undefined): string[] {
  if (replicas === undefined) return []
  if (!['Deployment', 'StatefulSet', 'ReplicaSet'].includes(workload.kind)) {
    return [`replicas is ${replicas}, but a ${workload.kind} has no replicas: remove it`]
  }
  workload.spec = { ...(workload.spec as object), replicas }
  return []
}

const imagesMissing = (template: PodTemplate): string[] =>
  containersOf(template)
    .filter((container) => typeof container['image'] !== 'string' || container['image'] === '')
    .map(({ name }) => `the container ${name} has no image in the base: give it one`)

/** The objects that the pods of a template name, each once. One is optional if all fields that name it say so. */
function neededBy(template: PodTemplate): Reference[] {
  const needed = new Map<string, Reference>()
  for (const { kind, name, optional } of podReferences(template.spec ?? {}, 'spec')) {
    const before = needed.get(`${kind}/${name}`)
    needed.set(`${kind}/${name}`, { kind, name, optional: optional && (before?.optional ?? true) })
  }
  return [...needed.values()]
}

/** Adds the Secrets that a ServiceAccount gives to its pods. */
function withPullSecrets(references: readonly Reference[], own: readonly Manifest[]): Reference[] {
  const secrets = references.flatMap(({ kind, name }) => {
    const account = kind === 'ServiceAccount' ? find(own, kind, name) : undefined
    return (account?.['imagePullSecrets'] as { name: string }[] | undefined) ?? []
  })
  const added = secrets.map(({ name }): Reference => ({ kind: 'Secret', name, optional: false }))
  const isNew = ({ name }: Reference): boolean =>
    !references.some((it) => it.kind === 'Secret' && it.name === name)
  return [...references, ...added.filter(isNew)]
}

const find = (own: readonly Manifest[], kind: string, name: string): Manifest | undefined =>
  own.find((it) => it.kind === kind && it.metadata.name === name)

interface Resolved {
  readonly manifest?: Manifest
  readonly note?: string
}

function resolve(
  { kind, name, optional }: Reference,
  own: readonly Manifest[],
  { namespace }: OverrideRequest,
  base: Manifest,
): Resolved {
  const manifest = find(own, kind, name)
  const needs = `${base.kind} "${base.metadata.name}" needs the ${kind} "${name}"`
  if (manifest !== undefined) {
    if (kind !== 'PersistentVolumeClaim') return { manifest }
    return { manifest, note: `${needs}: its copy in "${namespace}" starts as an empty volume` }
  }
  const written = kind === 'Secret' ? own.find((it) => writesSecret(it, name)) : undefined
  if (written !== undefined) return { manifest: written }
  if (optional) return {}
  const where = base.metadata.namespace === undefined ? 'the base' : `"${base.metadata.namespace}"`
  return {
    note: `${needs}, which is not among the manifests, and pods of "${namespace}" cannot use that of ${where}: create it in "${namespace}"`,
  }
}

/** Reports whether an External Secret writes a Secret from a store that every namespace can use. It has no value. */
function writesSecret(manifest: Manifest, name: string): boolean {
  if (manifest.kind !== 'ExternalSecret') return false
  const spec = manifest.spec as { target?: { name?: string }; secretStoreRef?: { kind?: string } } | undefined
  const isForAll = spec?.secretStoreRef?.kind === 'ClusterSecretStore'
  return isForAll && (spec.target?.name ?? manifest.metadata.name) === name
}
