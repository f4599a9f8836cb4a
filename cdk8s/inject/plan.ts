import { createHash } from 'node:crypto'
import { protocolOf } from '@branchline/wire/inbound'
import { INBOUND_PORT_SLOTS, SIDECAR_ADMIN_PORT } from '@branchline/wire/names'
import { type Surroundings, whyPortBypasses, whyServiceBypasses } from './bypass.ts'
import { type Finding, findingAt } from './finding.ts'
import {
  type Manifest,
  nameOf,
  podTemplateOf,
  type PodTemplate,
  type ServicePort,
  type ServiceSpec,
  serviceSpecOf,
  shown,
  targetNumber,
} from './manifest.ts'
import { appPorts, freePort, mentionedPorts } from './ports.ts'
import { selectedBy, serves } from './selection.ts'
import type { NamedInbound } from './sidecar.ts'

/** The planned changes: the listeners of each workload, and the slot that each changed Service port targets. */
export interface InjectionPlan {
  readonly inbound: ReadonlyMap<Manifest, readonly NamedInbound[]>
  readonly slots: ReadonlyMap<Manifest, ReadonlyMap<ServicePort, number>>
  readonly findings: readonly Finding[]
}

/** The slots that Service ports have from an earlier injection. */
export type KnownSlots = ReadonlyMap<ServicePort, number>

const templateOf = (workload: Manifest): PodTemplate => podTemplateOf(workload) as PodTemplate

/**
 * Decides which Services go through sidecars. The slot of a port depends on its Service and its name, not on its position
 * in a list, so that old and new pods use the same names during a rollout. A port that has a slot keeps it.
 */
export function planInjection(manifests: readonly Manifest[], known: KnownSlots = new Map()): InjectionPlan {
  const workloads = manifests.filter((it) => podTemplateOf(it) !== undefined && serves(it))
  const services = manifests
    .filter((manifest) => serviceSpecOf(manifest) !== undefined)
    .toSorted((one, two) => (nameOf(one) < nameOf(two) ? -1 : 1))
    .map((service) => {
      const spec = serviceSpecOf(service) as ServiceSpec
      return { service, spec, selected: selectedBy(service, spec, workloads) }
    })
  const around: Surroundings = {
    manifests,
    namespaces: manifests.filter(({ kind, apiVersion }) => kind === 'Namespace' && apiVersion === 'v1'),
    ports: portsOf(workloads, services),
  }
  const findings: Finding[] = []
  const routed = services.filter(({ service, spec, selected }) => {
    if (spec.type === 'ExternalName') return false
    const why = whyServiceBypasses(service, spec, selected, around)
    if (why !== undefined) findings.push(findingAt(service, ...why))
    return why === undefined
  })
  const allocation = new Allocation(around, known)
  for (const { spec, selected } of routed) allocation.reserve(spec, selected)
  for (const { service, spec, selected } of routed) {
    findings.push(...allocation.take(service, spec, selected))
  }
  const { inbound, slots } = allocation
  return { inbound, slots, findings: [...findings, ...portNotices(inbound)] }
}

interface Selection {
  readonly spec: ServiceSpec
  readonly selected: readonly Manifest[]
}

/** The ports of each workload that its containers or its Services name. */
function portsOf(
  workloads: readonly Manifest[],
  services: readonly Selection[],
): ReadonlyMap<Manifest, ReadonlySet<number>> {
  const targets = (workload: Manifest): number[] =>
    services
      .filter(({ selected }) => selected.includes(workload))
      .flatMap(({ spec }) => spec.ports ?? [])
      .flatMap((port) => targetNumber(port, templateOf(workload)) ?? [])
  return new Map(workloads.map((it) => [it, new Set([...appPorts(templateOf(it)), ...targets(it)])] as const))
}

const slotOf = (text: string): number =>
  createHash('sha256').update(text).digest().readUInt32BE() % INBOUND_PORT_SLOTS

/** Gives slots and listeners to the ports of Services. */
class Allocation {
  readonly #around: Surroundings
  readonly #known: KnownSlots
  readonly inbound = new Map<Manifest, NamedInbound[]>()
  readonly slots = new Map<Manifest, Map<ServicePort, number>>()
  /** The slots that a workload has from an earlier injection, and the port that has each. */
  readonly #reserved = new Map<Manifest, Map<number, ServicePort>>()

  constructor(around: Surroundings, known: KnownSlots) {
    this.#around = around
    this.#known = known
  }

  /** Keeps the known slots of a Service from other ports. The first of several claims counts. */
  reserve({ ports }: ServiceSpec, selected: readonly Manifest[]): void {
    for (const port of ports ?? []) {
      const slot = this.#known.get(port)
      if (slot === undefined) continue
      for (const workload of selected) {
        const reserved = this.#reserved.get(workload) ?? new Map<number, ServicePort>()
        if (!reserved.has(slot)) this.#reserved.set(workload, reserved.set(slot, port))
      }
    }
  }

  /** Takes the ports of a Service. Returns findings about those that cannot be taken. */
  take(service: Manifest, { ports }: ServiceSpec, selected: readonly Manifest[]): Finding[] {
    const count = (workload: Manifest): number => this.inbound.get(workload)?.length ?? 0
    return [...(ports ?? []).entries()].flatMap(([index, port]) => {
      const why = whyPortBypasses(service, [index, port], selected, count)
      if (why !== undefined) return [findingAt(service, ...why)]
      this.#takePort(service, port, selected)
      return []
    })
  }

  #takePort(service: Manifest, port: ServicePort, selected: readonly Manifest[]): void {
    let slot = this.#known.get(port) ?? slotOf(`${nameOf(service)}/${port.name ?? port.port}`)
    while (selected.some((workload) => this.#isTaken(workload, slot, port))) {
      slot = (slot + 1) % INBOUND_PORT_SLOTS
    }
    for (const workload of selected) {
      const taken = this.inbound.get(workload) ?? []
      const template = templateOf(workload)
      const used = [
        ...taken.map((other) => other.port),
        ...(this.#around.ports.get(workload) ?? []),
        ...mentionedPorts(template).keys(),
      ]
      const appPort = targetNumber(port, template) as number
      const listener = { slot, port: freePort(new Set(used)), appPort, protocol: protocolOf(port) }
      this.inbound.set(workload, [...taken, listener])
    }
    this.slots.set(service, new Map(this.slots.get(service)).set(port, slot))
  }

  #isTaken(workload: Manifest, slot: number, port: ServicePort): boolean {
    const owner = this.#reserved.get(workload)?.get(slot)
    if (owner !== undefined && owner !== port) return true
    return this.inbound.get(workload)?.some((other) => other.slot === slot) === true
  }
}

/** Findings about workloads whose container seems to use the admin port, without declaring it. */
function portNotices(inbound: InjectionPlan['inbound']): Finding[] {
  return [...inbound.keys()].flatMap((workload) => {
    const container = mentionedPorts(templateOf(workload)).get(SIDECAR_ADMIN_PORT)
    if (container === undefined) return []
    return findingAt(
      workload,
      'spec.template.spec.containers',
      'PortInUse',
      `container "${container}" of ${shown(workload)} mentions ${SIDECAR_ADMIN_PORT} in its command, arguments or ` +
        "variables, which is the sidecar's admin port: if the app listens there, let it listen on another port",
    )
  })
}
