import { createHash } from 'node:crypto'
import { protocolOf } from '@branchline/wire/inbound'
import {
  ANNOTATIONS,
  SIDECAR_ADMIN_PORT,
  SIDECAR_FIRST_INBOUND_PORT,
  SIDECAR_MAX_INBOUND_PORTS,
} from '@branchline/wire/names'
import {
  containersOf,
  type Manifest,
  podTemplateOf,
  type PodTemplate,
  selects,
  type ServicePort,
  type ServiceSpec,
  serviceSpecOf,
  targetNumber,
} from './manifest.ts'
import type { NamedInbound } from './sidecar.ts'

/** An object that requests reach without passing the sidecar, and the remedy. */
export interface Finding {
  readonly kind: string
  readonly namespace: string | undefined
  readonly name: string
  readonly field: string
  readonly reason:
    | 'Headless'
    | 'NoSelector'
    | 'NoWorkload'
    | 'HostNetwork'
    | 'Disabled'
    | 'NotTcp'
    | 'NamedPortMissing'
    | 'PortTaken'
    | 'TooManyPorts'
    | 'BadSetting'
  readonly message: string
}

/** The planned changes: the listeners of each workload, and the slot that each changed Service port targets. */
export interface InjectionPlan {
  readonly inbound: ReadonlyMap<Manifest, readonly NamedInbound[]>
  readonly slots: ReadonlyMap<Manifest, ReadonlyMap<ServicePort, number>>
  readonly findings: readonly Finding[]
}

const SLOTS = 10_000

/**
 * Decides which Services go through sidecars. The slot of a port depends on its Service and its name, not on its position
 * in a list, so that old and new pods use the same names during a rollout.
 */
export function planInjection(manifests: readonly Manifest[]): InjectionPlan {
  const workloads = manifests.filter((manifest) => podTemplateOf(manifest) !== undefined)
  const inbound = new Map<Manifest, NamedInbound[]>()
  const slots = new Map<Manifest, Map<ServicePort, number>>()
  const findings: Finding[] = []
  const services = manifests
    .filter((manifest) => serviceSpecOf(manifest) !== undefined)
    .toSorted((one, two) => (nameOf(one) < nameOf(two) ? -1 : 1))
  const targets = targetsOf(services, workloads)
  for (const service of services) {
    const spec = serviceSpecOf(service) as ServiceSpec
    if (spec.type === 'ExternalName') continue
    const report = (field: string, reason: Finding['reason'], message: string): void => {
      findings.push({ ...identity(service), field, reason, message })
    }
    const selected = workloads.filter((it) => sameNamespace(it, service) && selects(spec, templateOf(it)))
    const past = whyPast(service, spec, selected)
    if (past !== undefined) {
      report(...past)
      continue
    }
    for (const [index, port] of (spec.ports ?? []).entries()) {
      const why = whyPortPast(port, index, selected, inbound)
      if (why === undefined)
        slots.set(service, allocate(service, port, selected, inbound, targets, slots.get(service)))
      else report(...why)
    }
  }
  return { inbound, slots, findings }
}

type Why = [field: string, reason: Finding['reason'], message: string]

const nameOf = (manifest: Manifest): string => manifest.metadata.name ?? ''
const templateOf = (workload: Manifest): PodTemplate => podTemplateOf(workload) as PodTemplate
const shown = (manifest: Manifest): string => `${manifest.kind} "${nameOf(manifest)}"`

function identity(manifest: Manifest): { kind: string; namespace: string | undefined; name: string } {
  return { kind: manifest.kind, namespace: manifest.metadata.namespace, name: nameOf(manifest) }
}

const sameNamespace = (one: Manifest, two: Manifest): boolean =>
  (one.metadata.namespace ?? '') === (two.metadata.namespace ?? '')

function whyPast(service: Manifest, spec: ServiceSpec, selected: readonly Manifest[]): Why | undefined {
  const name = `Service "${nameOf(service)}"`
  if (spec.clusterIP === 'None') {
    return [
      'spec.clusterIP',
      'Headless',
      `${name} is headless (spec.clusterIP None): callers connect to the pods without the sidecar, so ` +
        'requests are not routed; add a Service with a cluster IP and let callers use it',
    ]
  }
  if (Object.keys(spec.selector ?? {}).length === 0) {
    return [
      'spec.selector',
      'NoSelector',
      `${name} has no spec.selector, so requests to its endpoints are not routed: select a workload with a sidecar`,
    ]
  }
  if (selected.length === 0) {
    return [
      'spec.selector',
      'NoWorkload',
      `${name} selects no workload of these manifests (spec.selector ${JSON.stringify(spec.selector)}): ` +
        'pass it together with its workload',
    ]
  }
  return selected.map((workload) => whyWorkloadPast(name, workload)).find((why) => why !== undefined)
}

function whyWorkloadPast(service: string, workload: Manifest): Why | undefined {
  const template = templateOf(workload)
  if (template.spec?.hostNetwork === true) {
    return [
      'spec.selector',
      'HostNetwork',
      `${service} selects ${shown(workload)}, which has hostNetwork: its ports belong to the node, so it gets ` +
        'no sidecar and is not routed; remove hostNetwork if it is not needed',
    ]
  }
  if (template.metadata?.annotations?.[ANNOTATIONS.inject] === 'disabled') {
    return [
      'spec.selector',
      'Disabled',
      `${service} selects ${shown(workload)}, whose annotation ${ANNOTATIONS.inject} is "disabled": it is ` +
        'not routed; remove the annotation to inject a sidecar',
    ]
  }
  if (appPorts(template).includes(SIDECAR_ADMIN_PORT)) {
    return [
      'spec.selector',
      'PortTaken',
      `${service} selects ${shown(workload)}, whose containerPort ${SIDECAR_ADMIN_PORT} is the sidecar's: ` +
        'use another port for the app',
    ]
  }
  return undefined
}

function whyPortPast(
  port: ServicePort,
  index: number,
  selected: readonly Manifest[],
  inbound: ReadonlyMap<Manifest, readonly NamedInbound[]>,
): Why | undefined {
  const field = `spec.ports[${index}]`
  if ((port.protocol ?? 'TCP') !== 'TCP') {
    return [
      `${field}.protocol`,
      'NotTcp',
      `${field}.protocol is ${port.protocol}: only TCP is routed, so this port leads directly to the app`,
    ]
  }
  const lacking = selected.find((workload) => targetNumber(port, templateOf(workload)) === undefined)
  if (lacking !== undefined) {
    return [
      `${field}.targetPort`,
      'NamedPortMissing',
      `${field}.targetPort "${port.targetPort}" names no containerPort of ${shown(lacking)}: ` +
        'add it to the container, or use the number',
    ]
  }
  if (selected.some((workload) => targetNumber(port, templateOf(workload)) === SIDECAR_ADMIN_PORT)) {
    return [
      `${field}.targetPort`,
      'PortTaken',
      `${field}.targetPort is ${SIDECAR_ADMIN_PORT}, the sidecar's admin port: let the app listen on another port`,
    ]
  }
  const full = selected.find((workload) => (inbound.get(workload)?.length ?? 0) >= SIDECAR_MAX_INBOUND_PORTS)
  if (full === undefined) return undefined
  return [
    field,
    'TooManyPorts',
    `${field} is one Service port too many for ${shown(full)}: a sidecar serves ` +
      `at most ${SIDECAR_MAX_INBOUND_PORTS}, so this port leads directly to the app`,
  ]
}

function allocate(
  service: Manifest,
  port: ServicePort,
  selected: readonly Manifest[],
  inbound: Map<Manifest, NamedInbound[]>,
  targets: ReadonlyMap<Manifest, readonly number[]>,
  before: ReadonlyMap<ServicePort, number> | undefined,
): Map<ServicePort, number> {
  let slot = slotOf(`${nameOf(service)}/${port.name ?? port.port}`)
  const isTaken = (): boolean =>
    selected.some((workload) => inbound.get(workload)?.some((other) => other.slot === slot))
  while (isTaken()) slot = (slot + 1) % SLOTS
  for (const workload of selected) {
    const taken = inbound.get(workload) ?? []
    const template = templateOf(workload)
    const listener = {
      slot,
      port: freePort([
        ...taken.map((other) => other.port),
        ...(targets.get(workload) ?? []),
        ...appPorts(template),
      ]),
      appPort: targetNumber(port, template) as number,
      protocol: protocolOf(port),
    }
    inbound.set(workload, [...taken, listener])
  }
  return new Map(before).set(port, slot)
}

const slotOf = (text: string): number => createHash('sha256').update(text).digest().readUInt32BE() % SLOTS

function freePort(used: readonly number[]): number {
  let port = SIDECAR_FIRST_INBOUND_PORT
  while (used.includes(port)) port++
  return port
}

/** The ports on which Services expect each workload. The ports of its containers need not name them. */
function targetsOf(
  services: readonly Manifest[],
  workloads: readonly Manifest[],
): ReadonlyMap<Manifest, readonly number[]> {
  const targets = (workload: Manifest): number[] =>
    services.flatMap((service) => {
      const spec = serviceSpecOf(service) as ServiceSpec
      if (!sameNamespace(workload, service) || !selects(spec, templateOf(workload))) return []
      return (spec.ports ?? []).flatMap((port) => targetNumber(port, templateOf(workload)) ?? [])
    })
  return new Map(workloads.map((workload) => [workload, targets(workload)]))
}

const appPorts = (template: PodTemplate): number[] =>
  containersOf(template).flatMap((container) => (container.ports ?? []).map((port) => port.containerPort))
