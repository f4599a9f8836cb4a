import { formatInbound } from '@branchline/wire/inbound'
import { ANNOTATIONS, inboundPortName, LABELS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import {
  type Manifest,
  podTemplateOf,
  type PodTemplate,
  type ServiceSpec,
  serviceSpecOf,
} from './manifest.ts'
import { type Finding, planInjection } from './plan.ts'
import {
  type NamedInbound,
  sidecarContainer,
  type SidecarOptions,
  sidecarPorts,
  TOKEN_VOLUME,
  tokenVolume,
} from './sidecar.ts'
import { type InjectionRecord, uninject, writeRecord } from './uninject.ts'

/** In which environment the manifests are, and how the sidecar is made. */
export interface InjectOptions {
  /** The environment's name. */
  readonly environment: string
  /**
   * The namespaces of the environments above, nearest first. Their names are searched for what the branch
   * does not have, so that short names work. Default: none, as for an environment without a base.
   */
  readonly above?: readonly string[]
  /** Default: `cluster.local`. */
  readonly clusterDomain?: string
  readonly sidecar?: SidecarOptions
  /** Seconds that a container lives on after its pod leaves the endpoints. Default: 5; 0 for none. */
  readonly preStopSeconds?: number
  /** Leaves a sidecar that is there as it is, but for its listeners. Default: it is made anew. */
  readonly keepSidecars?: boolean
}

/** The manifests with sidecars, in their order, and what is not routed in spite of them. */
export interface Injected {
  readonly manifests: Manifest[]
  readonly findings: readonly Finding[]
}

/**
 * The manifests of one environment with a sidecar in each workload that a Service selects, and the Services
 * led to it. Other kinds pass untouched; what was injected before is made anew, so twice is as good as once.
 * Pure: the given objects stay as they are.
 */
export function injectSidecars(manifests: readonly Manifest[], options: InjectOptions): Injected {
  const before = new Map<Manifest, PodTemplate | undefined>()
  const bare = manifests.map((manifest) => {
    const [copy] = uninject([manifest]) as [Manifest]
    before.set(copy, podTemplateOf(manifest))
    return copy
  })
  const plan = planInjection(bare)
  for (const manifest of bare) {
    const slots = plan.slots.get(manifest)
    if (slots !== undefined) rewire(manifest, slots)
    const template = podTemplateOf(manifest)
    if (template === undefined || isDisabled(template)) continue
    const kept = options.keepSidecars === true ? sidecarOf(before.get(manifest)) : undefined
    joinEnvironment(template, plan.inbound.get(manifest), options, kept)
  }
  return { manifests: bare, findings: plan.findings }
}

/** One workload with its Services: the first of the result is the workload, then the Services in order. */
export function injectSidecar(
  workload: Manifest,
  services: readonly Manifest[],
  options: InjectOptions,
): { workload: Manifest; services: Manifest[]; findings: readonly Finding[] } {
  const { manifests, findings } = injectSidecars([workload, ...services], options)
  const [first, ...rest] = manifests as [Manifest, ...Manifest[]]
  return { workload: first, services: rest, findings }
}

/** Whether a workload has the sidecar. */
export const hasSidecar = (manifest: Manifest): boolean => sidecarOf(podTemplateOf(manifest)) !== undefined

/** Whether a workload lacks its sidecar, or the label of its environment where it needs no sidecar. */
export function isIncomplete(manifests: readonly Manifest[]): boolean {
  const bare = uninject(manifests)
  const { inbound } = planInjection(bare)
  return manifests.some((manifest, index) => {
    const template = podTemplateOf(manifest)
    if (template === undefined || isDisabled(template)) return false
    if (inbound.has(bare[index] as Manifest)) return !hasSidecar(manifest)
    return template.metadata?.labels?.[LABELS.environment] === undefined
  })
}

function sidecarOf(template: PodTemplate | undefined) {
  return template?.spec?.initContainers?.find(({ name }) => name === SIDECAR_CONTAINER)
}

function isDisabled(template: PodTemplate): boolean {
  return (
    template.metadata?.annotations?.[ANNOTATIONS.inject] === 'disabled' || template.spec?.hostNetwork === true
  )
}

function rewire(service: Manifest, slots: ReadonlyMap<object, number>): void {
  const targetPorts: InjectionRecord['targetPorts'] = {}
  for (const [index, port] of ((serviceSpecOf(service) as ServiceSpec).ports ?? []).entries()) {
    const slot = slots.get(port)
    if (slot === undefined) continue
    targetPorts[index] = port.targetPort ?? null
    port.targetPort = inboundPortName(slot)
  }
  writeRecord(service, { targetPorts })
}

function joinEnvironment(
  template: PodTemplate,
  inbound: readonly NamedInbound[] | undefined,
  options: InjectOptions,
  kept: ReturnType<typeof sidecarOf>,
): void {
  const record: InjectionRecord = {}
  addLabel(template, LABELS.environment, options.environment, record)
  addSearches(template, options, record)
  if (inbound !== undefined) {
    addLabel(template, LABELS.sidecar, 'true', record)
    template.metadata = {
      ...template.metadata,
      annotations: { ...template.metadata?.annotations, [ANNOTATIONS.inbound]: formatInbound(inbound) },
    }
    addPreStop(template, options.preStopSeconds ?? 5, record)
    addSidecar(template, inbound, options, kept)
  }
  writeRecord(template, record)
}

function addLabel(template: PodTemplate, name: string, value: string, record: InjectionRecord): void {
  if (template.metadata?.labels?.[name] === value) return
  const old = template.metadata?.labels?.[name]
  record.labels = { ...record.labels, [name]: old ?? null }
  template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [name]: value } }
}

function addSearches(template: PodTemplate, options: InjectOptions, record: InjectionRecord): void {
  const { spec } = template
  if (spec === undefined) return
  const before = spec.dnsConfig?.searches ?? []
  const added = (options.above ?? [])
    .map((namespace) => `${namespace}.svc.${options.clusterDomain ?? 'cluster.local'}`)
    .filter((search) => !before.includes(search))
  if (added.length === 0) return
  record.searches = added
  spec.dnsConfig = { ...spec.dnsConfig, searches: [...added, ...before] }
}

/** The app answers on while its pod's end is made known, so that no request meets a closed port. */
function addPreStop(template: PodTemplate, seconds: number, record: InjectionRecord): void {
  if (seconds === 0) return
  for (const container of template.spec?.containers ?? []) {
    if (container.lifecycle?.preStop !== undefined) continue
    container.lifecycle = { ...container.lifecycle, preStop: { sleep: { seconds } } }
    record.preStop = [...(record.preStop ?? []), container.name]
  }
}

function addSidecar(
  template: PodTemplate,
  inbound: readonly NamedInbound[],
  options: InjectOptions,
  kept: ReturnType<typeof sidecarOf>,
): void {
  const { spec } = template
  if (spec === undefined) return
  const made = sidecarContainer(inbound, options.sidecar ?? {})
  const line = formatInbound(inbound)
  const env = kept?.env?.map((it) => (it.name === 'BRANCHLINE_INBOUND' ? { ...it, value: line } : it))
  const sidecar = kept === undefined ? made : { ...kept, ports: sidecarPorts(inbound), env: env ?? made.env }
  const others = (spec.initContainers ?? []).filter(({ name }) => name !== SIDECAR_CONTAINER)
  spec.initContainers = [...others, sidecar]
  spec.volumes = [...(spec.volumes ?? []).filter(({ name }) => name !== TOKEN_VOLUME), tokenVolume()]
}
