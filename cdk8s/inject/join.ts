import { formatInbound } from '@branchline/wire/inbound'
import { ANNOTATIONS, LABELS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import type { Container, PodTemplate } from './manifest.ts'
import type { InjectOptions } from './options.ts'
import { type InjectionRecord, preStopsOf, readRecord, recordEmpty, writeRecord } from './record.ts'
import { refreshed } from './refresh.ts'
import { annotatedResources } from './resources.ts'
import {
  listenerPorts,
  type NamedInbound,
  settingsOfTemplate,
  sidecarContainer,
  TOKEN_VOLUME,
  tokenVolume,
} from './sidecar.ts'

/** The Kubernetes default of `terminationGracePeriodSeconds`. */
const GRACE_SECONDS = 30
const PRE_STOP_SECONDS = 5

/** Lets the pods of a template search the environments above, and nothing else. */
export function joinSearches(template: PodTemplate, options: InjectOptions, old?: PodTemplate): void {
  const record: InjectionRecord = {}
  recordEmpty(template, record)
  addSearches(template, options, record, old && readRecord(old))
  writeRecord(template, record)
}

/**
 * Makes the pods of a template part of an environment, with a sidecar if it has listeners. `old` is the template of an
 * earlier injection, of which `keepSidecars` keeps what its users changed.
 */
export function joinEnvironment(
  template: PodTemplate,
  inbound: readonly NamedInbound[] | undefined,
  options: InjectOptions,
  old?: PodTemplate,
): void {
  const record: InjectionRecord = {}
  recordEmpty(template, record)
  const before = old && readRecord(old)
  addLabel(template, LABELS.environment, options.environment, record)
  addSearches(template, options, record, before)
  if (inbound !== undefined) {
    addLabel(template, LABELS.sidecar, 'true', record)
    template.metadata = {
      ...template.metadata,
      annotations: { ...template.metadata?.annotations, [ANNOTATIONS.inbound]: formatInbound(inbound) },
    }
    addPreStop(template, options, record, old)
    addSidecar(template, inbound, options, record, old)
  }
  writeRecord(template, record)
}

/** Returns the sidecar of a template, if it has one. */
export const sidecarOf = (template: PodTemplate | undefined): Container | undefined =>
  template?.spec?.initContainers?.find(({ name }) => name === SIDECAR_CONTAINER)

function addLabel(template: PodTemplate, name: string, value: string, record: InjectionRecord): void {
  if (template.metadata?.labels?.[name] === value) return
  const old = template.metadata?.labels?.[name]
  record.labels = { ...record.labels, [name]: old ?? null }
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [name]: value } }
}

function addSearches(
  template: PodTemplate,
  options: InjectOptions,
  record: InjectionRecord,
  earlier: InjectionRecord | undefined,
): void {
  const { spec } = template
  if (!spec) return
  const before = spec.dnsConfig?.searches ?? []
  const kept = options.keepSidecars === true ? (earlier?.searches ?? []) : []
  const { clusterDomain } = options
  const added = (options.above ?? [])
    .map((namespace) => {
      // The domain of the cluster is not in the manifests, but an earlier injection knew it.
      const known = kept.find((search) => search.startsWith(`${namespace}.svc.`))
      return clusterDomain === undefined && known !== undefined
        ? known
        : `${namespace}.svc.${clusterDomain ?? 'cluster.local'}`
    })
    .filter((search) => !before.includes(search))
  if (added.length === 0) return
  record.searches = added
  spec.dnsConfig = { ...spec.dnsConfig, searches: [...added, ...before] }
}

/**
 * The app keeps serving while the end of its pod becomes known, so that no request reaches a closed port. At least half of
 * the grace period is left for the app to end: the API server refuses a longer sleep than the period.
 */
function addPreStop(
  template: PodTemplate,
  options: InjectOptions,
  record: InjectionRecord,
  old: PodTemplate | undefined,
): void {
  const grace = template.spec?.terminationGracePeriodSeconds ?? GRACE_SECONDS
  const longest = Math.floor(grace / 2)
  const added: [container: string, seconds: number][] = []
  for (const container of template.spec?.containers ?? []) {
    if (container.lifecycle?.preStop) continue
    const seconds = Math.min(preStopSeconds(container.name, options, old), longest)
    if (seconds <= 0) continue
    container.lifecycle = { ...container.lifecycle, preStop: { sleep: { seconds } } }
    added.push([container.name, seconds])
  }
  if (added.length > 0) record.preStop = Object.fromEntries(added)
}

function preStopSeconds(name: string, options: InjectOptions, old: PodTemplate | undefined): number {
  const { preStopSeconds: given, keepSidecars } = options
  const earlier = old && readRecord(old)
  if (given !== undefined || keepSidecars !== true || earlier === undefined || sidecarOf(old) === undefined) {
    return given ?? PRE_STOP_SECONDS
  }
  const container = old?.spec?.containers?.find((it) => it.name === name)
  if (container === undefined) return PRE_STOP_SECONDS
  const preStops = preStopsOf(earlier)
  if (!preStops.has(name)) return 0
  const { sleep } = (container.lifecycle?.preStop ?? {}) as { sleep?: { seconds?: number } }
  return preStops.get(name) ?? sleep?.seconds ?? PRE_STOP_SECONDS
}

function addSidecar(
  template: PodTemplate,
  inbound: readonly NamedInbound[],
  options: InjectOptions,
  record: InjectionRecord,
  old: PodTemplate | undefined,
): void {
  const { spec } = template
  const [first] = spec?.containers ?? []
  if (!spec || first === undefined) return
  const annotated = Object.keys(settingsOfTemplate(template, {}).variables)
  if (annotated.length > 0) record.settings = annotated
  if (Object.keys(annotatedResources(template).given).length > 0) record.resources = true
  const made = sidecarContainer(template, inbound, options.sidecar ?? {})
  const kept = options.keepSidecars === true ? sidecarOf(old) : undefined
  const before = (old && readRecord(old)) ?? {}
  const overriding = options.overrideSidecars === true ? (options.sidecar ?? {}) : {}
  const sidecar = kept === undefined ? made : refreshed(kept, made, template, overriding, before)
  const others = (spec.initContainers ?? []).filter(({ name }) => name !== SIDECAR_CONTAINER)
  spec.initContainers = [...others, sidecar]
  spec.volumes = [...(spec.volumes ?? []).filter(({ name }) => name !== TOKEN_VOLUME), tokenVolume()]
  first.ports = [...(first.ports ?? []), ...listenerPorts(inbound)]
}
