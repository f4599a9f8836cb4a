import { nearest } from '@branchline/wire/near'
import {
  type Manifest,
  podTemplateOf,
  type PodTemplate,
  selects,
  type ServiceSpec,
  serviceSpecOf,
} from '../inject/manifest.ts'

/** What to look for, and where. */
export interface Wanted {
  /** The name of a workload, or of a Service that selects it. */
  readonly name: string
  /** The kind of the workload. Default: any. */
  readonly kind?: string
  /** The namespaces above the branch, nearest first. Then come manifests without a namespace, then all others. */
  readonly namespaces: readonly string[]
  /** The namespace of the branch. Its own objects are not a base. */
  readonly namespace: string
}

/** The maximum number of names that a message lists. */
const MAX_NAMES = 20

const namespaceOf = ({ metadata }: Manifest): string => metadata.namespace ?? ''
const nameOf = ({ metadata }: Manifest): string => metadata.name ?? ''

/** Finds a workload in the nearest namespace that has it. Returns a sentence if none or several are meant. */
export function findWorkload(manifests: readonly Manifest[], wanted: Wanted): Manifest | string {
  const foreign = manifests.filter((it) => namespaceOf(it) !== wanted.namespace)
  const byNamespace = Map.groupBy(foreign, namespaceOf)
  for (const namespace of [...wanted.namespaces, '']) {
    const found = inNamespace(byNamespace.get(namespace) ?? [], wanted)
    if (found !== undefined) return found
    byNamespace.delete(namespace)
  }
  const others = [...byNamespace].flatMap(([namespace, own]) => {
    const found = inNamespace(own, wanted)
    return found === undefined ? [] : [{ namespace, found }]
  })
  const [first, second] = others
  if (first !== undefined && second === undefined) return first.found
  if (first === undefined) return notFound(foreign, wanted)
  const names = others.map(({ namespace }) => namespace).join(', ')
  return (
    `${JSON.stringify(wanted.name)} is in several namespaces (${names}), and none of them is above the branch: ` +
    'use the environment of one of them as the base'
  )
}

function inNamespace(own: readonly Manifest[], { name, kind }: Wanted): Manifest | string | undefined {
  const workloads = own.filter((it) => podTemplateOf(it) !== undefined && (kind ?? it.kind) === it.kind)
  const named = workloads.filter((it) => nameOf(it) === name)
  const found = named.length > 0 ? named : selectedBy(own, workloads, name)
  if (found.length <= 1) return found[0]
  const which = found.map((it) => `${it.kind} ${nameOf(it)}`).join(' and ')
  return `${JSON.stringify(name)} means ${which}: use a name that only one workload has`
}

function selectedBy(own: readonly Manifest[], workloads: readonly Manifest[], name: string): Manifest[] {
  const service = own.find((it) => nameOf(it) === name && serviceSpecOf(it) !== undefined)
  if (service === undefined) return []
  const spec = serviceSpecOf(service) as ServiceSpec
  return workloads.filter((it) => selects(spec, podTemplateOf(it) as PodTemplate))
}

function notFound(manifests: readonly Manifest[], { name }: Wanted): string {
  const known = new Set(
    manifests
      .filter((it) => podTemplateOf(it) !== undefined || serviceSpecOf(it) !== undefined)
      .map(nameOf)
      .toSorted(),
  )
  const names = [...known]
  if (names.length === 0) return 'the base has no workload: pass its manifests'
  const fault = `the base has no workload or Service ${JSON.stringify(name)}`
  const near = nearest(name, names)
  if (near !== undefined) return `${fault}: did you mean ${JSON.stringify(near)}?`
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : ''
  return `${fault}: use one of ${names.slice(0, MAX_NAMES).join(', ')}${more}`
}

/** Returns the Services that select the pods of a workload. */
export function servicesOf(manifests: readonly Manifest[], workload: Manifest): Manifest[] {
  const template = podTemplateOf(workload) as PodTemplate
  return manifests.filter((it) => {
    const spec: ServiceSpec | undefined = serviceSpecOf(it)
    return spec !== undefined && namespaceOf(it) === namespaceOf(workload) && selects(spec, template)
  })
}
