import { ANNOTATIONS } from '@branchline/wire/names'
import type { Manifest, Metadata, PodTemplate } from './manifest.ts'

/** The changes of an injection, which an annotation records so that `uninject` can undo them. `null` means absent. */
export interface InjectionRecord {
  /**
   * Of a Service: the original target of each changed port, by the target that replaced it. Ports may have been added,
   * removed or moved since. Earlier releases recorded the index of the port.
   */
  targetPorts?: { [target: string]: number | string | null }
  /** Of a pod template: the labels that were set, with their original values. */
  labels?: { [name: string]: string | null }
  /** The added search domains. */
  searches?: string[]
  /** The containers that got a preStop hook, and its seconds. Earlier releases recorded a list of names. */
  preStop?: { [container: string]: number } | string[]
  /** The sidecar's variables that come from settings. */
  settings?: string[]
  /** Whether annotations decided the sidecar's resources. */
  resources?: true
  /** The lists and maps that were there and empty, by their path: `null`, `[]` or `{}`. */
  was?: { [path: string]: unknown }
}

/** Writes the record if something changed. */
export function writeRecord(holder: { metadata?: Metadata }, record: InjectionRecord): void {
  if (Object.keys(record).every((field) => field === 'was')) return
  const annotations = { ...holder.metadata?.annotations, [ANNOTATIONS.injected]: JSON.stringify(record) }
  holder.metadata = { ...holder.metadata, annotations }
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

/** Returns the seconds of the preStop hooks that an injection added, by container. Undefined: some number. */
export function preStopsOf({ preStop }: InjectionRecord): ReadonlyMap<string, number | undefined> {
  if (Array.isArray(preStop)) return new Map(preStop.map((name) => [name, undefined]))
  return new Map(Object.entries(preStop ?? {}))
}

interface Place {
  readonly path: string
  readonly holder: object
  readonly field: string
}

/** The lists and maps to which an injection adds something. */
function* placesOf(holder: PodTemplate | Manifest): Generator<Place> {
  const { metadata } = holder
  // Of a Service, an injection extends only the annotations.
  const spec = holder['kind'] === 'Service' ? undefined : (holder as PodTemplate).spec
  yield { path: 'metadata', holder, field: 'metadata' }
  yield* placesIn('metadata', metadata, ['labels', 'annotations'])
  yield* placesIn('spec', spec, ['initContainers', 'volumes', 'dnsConfig'])
  yield* placesIn('spec.dnsConfig', spec?.dnsConfig, ['searches'])
  for (const container of spec?.containers ?? []) {
    yield* placesIn(`spec.containers.${container.name}`, container, ['ports', 'lifecycle'])
    yield* placesIn(`spec.containers.${container.name}.lifecycle`, container.lifecycle, ['preStop'])
  }
}

function* placesIn(
  path: string,
  holder: object | null | undefined,
  fields: readonly string[],
): Generator<Place> {
  if (typeof holder !== 'object' || holder === null) return
  for (const field of fields) yield { path: `${path}.${field}`, holder, field }
}

/** Records the lists and maps of a template that are there and empty, so that they are there again afterwards. */
export function recordEmpty(template: PodTemplate | Manifest, record: InjectionRecord): void {
  for (const { path, holder, field } of placesOf(template)) {
    const value = (holder as Record<string, unknown>)[field]
    if (value === undefined || (value !== null && Object.keys(value).length > 0)) continue
    record.was = { ...record.was, [path]: value }
  }
}

/** Restores the lists and maps that were empty before the injection and are absent now. */
export function restoreEmpty(template: PodTemplate | Manifest, { was = {} }: InjectionRecord): void {
  for (const { path, holder, field } of placesOf(template)) {
    const fields = holder as Record<string, unknown>
    if (path in was && fields[field] === undefined) fields[field] = was[path]
  }
}
