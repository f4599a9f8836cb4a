import { formatInbound } from '@branchline/wire/inbound'
import { ANNOTATIONS, GROUP, inboundPortName, LABELS, SIDECAR_CONTAINER } from '@branchline/wire/names'
import { VARIABLES } from '@branchline/wire/env'
import {
  type Manifest,
  podTemplateOf,
  type PodTemplate,
  type ServiceSpec,
  serviceSpecOf,
} from './manifest.ts'
import { type Finding, type InjectionPlan, planInjection } from './plan.ts'
import {
  type NamedInbound,
  sidecarContainer,
  type SidecarOptions,
  settingsOfTemplate,
  sidecarPorts,
  TOKEN_VOLUME,
  tokenVolume,
} from './sidecar.ts'
import { type InjectionRecord, readRecord, uninject, writeRecord } from './uninject.ts'

/** The environment of the manifests, and options of the sidecar. */
export interface InjectOptions {
  /** The environment's name. */
  readonly environment: string
  /**
   * The namespaces of the environments above, nearest first. Pods search them for short names that the branch does not
   * have. Default: none, as for an environment without a base.
   */
  readonly above?: readonly string[]
  /** Default: `cluster.local`. */
  readonly clusterDomain?: string
  readonly sidecar?: SidecarOptions
  /** Seconds that a container keeps running after its pod leaves the endpoints. Default: 5. 0 turns it off. */
  readonly preStopSeconds?: number
  /** Keeps an existing sidecar, except for its listeners. Default: an existing sidecar is replaced. */
  readonly keepSidecars?: boolean
}

/** The manifests with sidecars, in the same order, and the objects that are still not routed. */
export interface Injected {
  readonly manifests: Manifest[]
  readonly findings: readonly Finding[]
}

/**
 * Adds a sidecar to each workload of one environment that a Service selects, and points the Services at it. Other kinds
 * pass unchanged. The function is idempotent: it replaces an earlier injection. Pure: it does not change its input.
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
    const old = before.get(manifest)
    const kept = options.keepSidecars === true ? sidecarOf(old) : undefined
    joinEnvironment(template, plan.inbound.get(manifest), options, kept, old && readRecord(old))
  }
  return { manifests: bare, findings: [...plan.findings, ...badSettings(bare, plan, options)] }
}

/** Returns the invalid settings of workloads that get a sidecar. The injection omits those settings. */
function badSettings(
  bare: readonly Manifest[],
  { inbound }: InjectionPlan,
  options: InjectOptions,
): Finding[] {
  return bare.flatMap((manifest) => {
    const template = podTemplateOf(manifest)
    if (template === undefined || !inbound.has(manifest)) return []
    const { kind, metadata } = manifest
    return settingsOfTemplate(template, options.sidecar ?? {}).faults.map((message) => ({
      kind,
      namespace: metadata.namespace,
      name: metadata.name ?? '',
      field: 'spec.template.metadata.annotations',
      reason: 'BadSetting' as const,
      message: `${GROUP}/${message}`,
    }))
  })
}

/** Injects one workload and its Services. Returns the workload first, then the Services in order. */
export function injectSidecar(
  workload: Manifest,
  services: readonly Manifest[],
  options: InjectOptions,
): { workload: Manifest; services: Manifest[]; findings: readonly Finding[] } {
  const { manifests, findings } = injectSidecars([workload, ...services], options)
  const [first, ...rest] = manifests as [Manifest, ...Manifest[]]
  return { workload: first, services: rest, findings }
}

/** Reports whether a workload has a sidecar. */
export const hasSidecar = (manifest: Manifest): boolean => sidecarOf(podTemplateOf(manifest)) !== undefined

/** Reports whether a workload lacks its sidecar, a setting of it, or (without a Service) the label of its environment. */
export function isIncomplete(manifests: readonly Manifest[]): boolean {
  const bare = uninject(manifests)
  const { inbound } = planInjection(bare)
  return manifests.some((manifest, index) => {
    const template = podTemplateOf(manifest)
    if (template === undefined || isDisabled(template)) return false
    if (inbound.has(bare[index] as Manifest)) return !hasSidecar(manifest) || !hasSettings(template)
    return template.metadata?.labels?.[LABELS.environment] === undefined
  })
}

/** Reports whether the sidecar has the settings of its workload's annotations, and none that were removed. */
function hasSettings(template: PodTemplate): boolean {
  const { variables } = settingsOfTemplate(template, {})
  const said = new Map(sidecarOf(template)?.env?.map(({ name, value }) => [name, value]))
  const isStale = readRecord(template)?.settings?.some((name) => !(name in variables)) === true
  return !isStale && Object.entries(variables).every(([name, value]) => said.get(name) === value)
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
  before: InjectionRecord | undefined,
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
    addSidecar(template, inbound, options, kept, before, record)
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

/** The app keeps serving while the end of its pod becomes known, so that no request reaches a closed port. */
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
  before: InjectionRecord | undefined,
  record: InjectionRecord,
): void {
  const { spec } = template
  if (spec === undefined) return
  const annotated = settingsOfTemplate(template, {}).variables
  if (Object.keys(annotated).length > 0) record.settings = Object.keys(annotated)
  const all = settingsOfTemplate(template, options.sidecar ?? {}).variables
  const made = sidecarContainer(inbound, options.sidecar ?? {}, all)
  const line = formatInbound(inbound)
  const rendered = new Set([...Object.keys(annotated), ...(before?.settings ?? [])])
  const inboundVariable = { name: VARIABLES.inbound, value: line }
  const env = kept?.env
    ?.filter(({ name }) => !rendered.has(name))
    .map((it) => (it.name === inboundVariable.name ? inboundVariable : it))
    .concat(Object.entries(annotated).map(([name, value]) => ({ name, value })))
  const sidecar = kept === undefined ? made : { ...kept, ports: sidecarPorts(inbound), env: env ?? made.env }
  const first = (spec.initContainers ?? []).filter(({ name }) => name !== SIDECAR_CONTAINER)
  spec.initContainers = [...first, sidecar]
  spec.volumes = [...(spec.volumes ?? []).filter(({ name }) => name !== TOKEN_VOLUME), tokenVolume()]
}
