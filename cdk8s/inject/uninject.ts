import { ANNOTATIONS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import {
  type Manifest,
  type Metadata,
  type PodSpec,
  podTemplateOf,
  type PodTemplate,
  type ServiceSpec,
  serviceSpecOf,
} from './manifest.ts'
import { TOKEN_VOLUME } from './sidecar.ts'

/** The changes of an injection, which an annotation records so that `uninject` can undo them. `null` means absent. */
export interface InjectionRecord {
  /** Of a Service: the original target of each changed port, by the port's index. */
  targetPorts?: { [index: string]: number | string | null }
  /** Of a pod template: the labels that were set, with their original values. */
  labels?: { [name: string]: string | null }
  /** The added search domains. */
  searches?: string[]
  /** The containers that got a preStop hook. */
  preStop?: string[]
  /** The sidecar's variables that come from settings. */
  settings?: string[]
}

/** Returns the manifests as they were before the injection. Pure. Other manifests are returned unchanged. */
export function uninject(manifests: readonly Manifest[]): Manifest[] {
  return manifests.map((manifest) => {
    const copy = structuredClone(manifest)
    const template = podTemplateOf(copy)
    if (template !== undefined) restoreTemplate(template)
    const spec = serviceSpecOf(copy)
    if (spec !== undefined) restoreService(copy, spec)
    return copy
  })
}

/** Writes the record if something changed. */
export function writeRecord(holder: { metadata?: Metadata }, record: InjectionRecord): void {
  if (Object.keys(record).length === 0) return
  const annotations = { ...holder.metadata?.annotations, [ANNOTATIONS.injected]: JSON.stringify(record) }
  holder.metadata = { ...holder.metadata, annotations }
}

function takeRecord(holder: { metadata?: Metadata }): InjectionRecord | undefined {
  const record = readRecord(holder)
  if (record !== undefined) removeFrom(holder.metadata, 'annotations', ANNOTATIONS.injected)
  return record
}

/** Reads the record of the changes. Returns undefined without a record. */
export function readRecord(holder: { metadata?: Metadata }): InjectionRecord | undefined {
  const text = holder.metadata?.annotations?.[ANNOTATIONS.injected]
  if (text === undefined) return undefined
  try {
    const record: unknown = JSON.parse(text)
    return typeof record === 'object' && record !== null ? record : {}
  } catch {
    // Someone edited the record. The object then stays as it is.
    return {}
  }
}

function restoreService(service: Manifest, spec: ServiceSpec): void {
  const record = takeRecord(service)
  for (const [index, target] of Object.entries(record?.targetPorts ?? {})) {
    const port = spec.ports?.[Number(index)]
    if (port === undefined) continue
    if (target === null) delete port.targetPort
    else port.targetPort = target
  }
}

function restoreTemplate(template: PodTemplate): void {
  const record = takeRecord(template)
  if (record === undefined) return
  removeFrom(template.metadata, 'annotations', ANNOTATIONS.inbound)
  for (const [name, value] of Object.entries(record.labels ?? {})) {
    if (value === null) removeFrom(template.metadata, 'labels', name)
    else template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [name]: value } }
  }
  if (isEmpty(template.metadata)) delete template.metadata
  if (template.spec !== undefined) restoreSpec(template.spec, record)
}

function restoreSpec(spec: PodSpec, record: InjectionRecord): void {
  strike(spec, 'initContainers', ({ name }) => name === SIDECAR_CONTAINER)
  strike(spec, 'volumes', ({ name }) => name === TOKEN_VOLUME)
  const searches = new Set(record.searches)
  if (spec.dnsConfig !== undefined && searches.size > 0) {
    strike(spec.dnsConfig, 'searches', (search) => searches.has(search))
    if (isEmpty(spec.dnsConfig)) delete spec.dnsConfig
  }
  for (const container of spec.containers ?? []) {
    if (record.preStop?.includes(container.name) !== true || container.lifecycle === undefined) continue
    delete container.lifecycle.preStop
    if (isEmpty(container.lifecycle)) delete container.lifecycle
  }
}

const isEmpty = (object: object | undefined): boolean =>
  object !== undefined && Object.keys(object).length === 0

/** Removes items from a list, and removes the list if it is then empty, because the injection created it. */
function strike<H extends object, K extends keyof H>(
  holder: H,
  field: K,
  isOurs: (item: Item<H[K]>) => boolean,
): void {
  const list = holder[field] as Item<H[K]>[] | undefined
  const left = list?.filter((item) => !isOurs(item))
  if (left === undefined || left.length === list?.length) return
  if (left.length > 0) holder[field] = left as H[K]
  else delete holder[field]
}

type Item<L> = NonNullable<L> extends readonly (infer T)[] ? T : never

function removeFrom(metadata: Metadata | undefined, field: 'labels' | 'annotations', name: string): void {
  const map = metadata?.[field]
  if (metadata === undefined || map === undefined) return
  delete map[name]
  if (Object.keys(map).length === 0) delete metadata[field]
}
