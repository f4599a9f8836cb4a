import { GROUP, inboundPortName, inboundPortSlot } from '@branchline/wire/names'
import { isLeftAlone } from './bypass.ts'
import { limitNotices } from './limits.ts'
import { policyNotices } from './policies.ts'
import { type Finding, findingAt } from './finding.ts'
import { joinEnvironment, joinSearches, sidecarOf } from './join.ts'
import {
  injectedTemplateOf,
  jobTemplateOf,
  type Manifest,
  podTemplateOf,
  type PodTemplate,
  type ServicePort,
  type ServiceSpec,
  serviceSpecOf,
} from './manifest.ts'
import type { InjectOptions } from './options.ts'
import { type InjectionPlan, planInjection } from './plan.ts'
import { type InjectionRecord, readRecord, recordEmpty, writeRecord } from './record.ts'
import { annotatedResources } from './resources.ts'
import { serves } from './selection.ts'
import { shapeFaults } from './shape.ts'
import { settingsOfTemplate } from './sidecar.ts'
import { switchFaults, whoDisables } from './switch.ts'
import { uninject } from './uninject.ts'

export type { InjectOptions } from './options.ts'

/** The manifests with sidecars, in the same order, and what the injection does not solve. */
export interface Injected {
  readonly manifests: Manifest[]
  readonly findings: readonly Finding[]
}

/**
 * Adds a sidecar to each workload of one environment that a Service selects, and points the Services at it. The pods of
 * Jobs and CronJobs get only the search domains. Other kinds pass unchanged. The function is idempotent: it replaces an
 * earlier injection. Pure: it does not change its input.
 */
export function injectSidecars(manifests: readonly Manifest[], options: InjectOptions): Injected {
  const known = new Map<ServicePort, number>()
  const before = new Map<Manifest, PodTemplate | undefined>()
  const misshapen = manifests.flatMap(shapeFaults)
  const all = manifests.map((manifest) => {
    const [copy] = uninject([manifest]) as [Manifest]
    if (shapeFaults(manifest).length > 0) return copy
    before.set(copy, injectedTemplateOf(manifest))
    for (const [port, slot] of slotsBefore(manifest, copy)) known.set(port, slot)
    return copy
  })
  const bare = misshapen.length === 0 ? all : all.filter((it) => shapeFaults(it).length === 0)
  const plan = planInjection(bare, known)
  const namespaces = bare.filter(({ kind, apiVersion }) => kind === 'Namespace' && apiVersion === 'v1')
  const notices = policyNotices(bare, plan)
  for (const manifest of bare) {
    const slots = plan.slots.get(manifest)
    if (slots !== undefined) rewire(manifest, slots)
    join(manifest, plan, options, before.get(manifest), namespaces)
  }
  const findings = [
    ...misshapen,
    ...plan.findings,
    ...notices,
    ...limitNotices(bare, [...plan.inbound.keys()]),
    ...switchFaults(bare),
    ...badSettings(bare, plan, options),
  ]
  return { manifests: all, findings }
}

/** The slots that the ports of a Service have from an earlier injection. */
function slotsBefore(injected: Manifest, bare: Manifest): [ServicePort, number][] {
  if (readRecord(injected)?.targetPorts === undefined) return []
  const ports = serviceSpecOf(bare)?.ports ?? []
  return (serviceSpecOf(injected)?.ports ?? []).flatMap(({ targetPort }, index) => {
    const slot = inboundPortSlot(targetPort)
    return slot === undefined ? [] : [[ports[index] as ServicePort, slot] as [ServicePort, number]]
  })
}

function join(
  manifest: Manifest,
  plan: InjectionPlan,
  options: InjectOptions,
  old: PodTemplate | undefined,
  namespaces: readonly Manifest[],
): void {
  const template = podTemplateOf(manifest)
  if (template === undefined) {
    const job = jobTemplateOf(manifest)
    if (job !== undefined && whoDisables(manifest, namespaces) === undefined) joinSearches(job, options, old)
  } else if (!serves(manifest)) joinSearches(template, options, old)
  else if (!isLeftAlone(manifest, namespaces)) {
    joinEnvironment(template, plan.inbound.get(manifest), options, old)
  }
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
    const settings = settingsOfTemplate(template, options.sidecar ?? {}).faults
    return [...settings.map((fault) => `${GROUP}/${fault}`), ...annotatedResources(template).faults].map(
      (message) => findingAt(manifest, 'spec.template.metadata.annotations', 'BadSetting', message),
    )
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

function rewire(service: Manifest, slots: ReadonlyMap<object, number>): void {
  const record: InjectionRecord = {}
  recordEmpty(service, record)
  const targetPorts: InjectionRecord['targetPorts'] = {}
  for (const port of (serviceSpecOf(service) as ServiceSpec).ports ?? []) {
    const slot = slots.get(port)
    if (slot === undefined) continue
    const target = inboundPortName(slot)
    targetPorts[target] = port.targetPort ?? null
    port.targetPort = target
  }
  writeRecord(service, { ...record, targetPorts })
}
