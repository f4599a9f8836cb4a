import { isDeepStrictEqual } from 'node:util'
import { validateResources, type Problem } from '@branchline/wire/resources/validate'
import type { Environment } from '@branchline/wire/resources/environment'
import type { Preview } from '@branchline/wire/resources/preview'
import type { ListenerRoutes, Target } from '@branchline/wire/routes/messages'
import { DEFAULT_WEIGHT } from '@branchline/wire/weight'
import { allChanges, type Changes, nameId, type Snapshot } from '../store/snapshot.ts'
import { Callers, NO_CALLERS } from './callers.ts'
import { Dirt } from './dirt.ts'
import { buildForest, changedNodes, EMPTY_FOREST, type Forest, type Node, rootOf } from './forest.ts'
import { PodIndex } from './pods.ts'
import type { EnvironmentPlan, Plan, PlanChange, PreviewPlan, SidecarTable } from './plan.ts'
import { presenceOf, type ServicePresence } from './presence.ts'
import { Targets } from './targets.ts'
import { planListener, type Presence, sameListener } from './service.ts'
import { environmentPlan, previewPlan, unreadableVerdict } from './verdicts.ts'

/**
 * A plan that is kept up to date. The cost of an update depends only on what changed: a Service is planned again only
 * for the tree in which it changed, and only tables that differ become new objects. The result equals a plan made
 * from scratch.
 */
export class Planner {
  #forest: Forest = EMPTY_FOREST
  #problems = new Map<string, Problem>()
  readonly #pods = new PodIndex()
  readonly #presences = new Map<string, ServicePresence>()
  readonly #listeners = new Map<string, Map<number, ListenerRoutes>>()
  readonly #targets = new Targets()
  readonly #callers = new Callers(this.#pods)
  readonly #tables = new Map<string, SidecarTable>()
  readonly #environments = new Map<string, EnvironmentPlan>()
  readonly #previews = new Map<string, PreviewPlan>()
  /** The resource and the problem from which each status was planned. */
  readonly #planned = new Map<string, { of: Environment | Preview; problem: string; expired: boolean }>()
  readonly #namespacesOf = new Map<string, Set<string>>()
  readonly #servicesIn = new Map<string, Set<string>>()
  readonly #servicesOfPod = new Map<string, Set<string>>()

  get plan(): Plan {
    return {
      forest: this.#forest,
      tables: this.#tables,
      listeners: this.#listeners,
      presences: this.#presences,
      environments: this.#environments,
      previews: this.#previews,
    }
  }

  /** The ids of the sidecars' pods in a namespace. */
  sidecarsIn(namespace: string): string[] {
    return [...this.#pods.inNamespace(namespace)].filter((pod) => this.#tables.has(pod))
  }

  /** The id of the pod with an address. */
  podAt(address: string): string | undefined {
    return this.#pods.holder(address)
  }

  /** Applies a change of the snapshot. `changes` must name everything that changed since the last update. */
  update(snapshot: Snapshot, changes: Changes): PlanChange {
    const dirt = new Dirt()
    for (const id of changes.services) this.#takeService(snapshot, id, dirt)
    if (changes.resources) this.#takeResources(snapshot, dirt)
    for (const id of changes.pods) this.#takePod(snapshot, id, dirt)
    for (const { root, service, namespaces } of dirt.units.values()) {
      this.#planUnit(root, service, namespaces, dirt)
    }
    for (const { namespace } of this.#callers.update(dirt.callers, this.#forest, dirt.known)) {
      for (const pod of this.#pods.inNamespace(namespace)) dirt.pods.add(pod)
    }
    return {
      tables: this.#planTables(dirt),
      environments: this.#planEnvironments(snapshot, changes.resources, dirt),
      previews: this.#planPreviews(snapshot, changes.resources, dirt),
      known: dirt.known,
    }
  }

  #takeService(snapshot: Snapshot, id: string, dirt: Dirt): void {
    const before = this.#presences.get(id)
    const after = presenceOf(snapshot, id)
    if (isDeepStrictEqual(before, after)) return
    const [namespace, service] = id.split('/') as [string, string]
    index(this.#namespacesOf, service, namespace, after !== undefined)
    index(this.#servicesIn, namespace, service, after !== undefined)
    for (const { pod } of before?.attachments ?? []) index(this.#servicesOfPod, pod, id, false)
    for (const { pod } of after?.attachments ?? []) index(this.#servicesOfPod, pod, id, true)
    for (const it of [before, after]) for (const { pod } of it?.attachments ?? []) dirt.pods.add(pod)
    if (after === undefined) {
      this.#presences.delete(id)
      this.#listeners.delete(id)
      this.#targets.forget(id)
    } else this.#presences.set(id, after)
    dirt.services.add(service)
    dirt.namespaces.add(namespace)
    const node = this.#forest.byNamespace.get(namespace)
    if (node === undefined) return
    dirt.unit(node, service)
    // If its ports changed, the warnings of its overrides about missing ports may change.
    if (isDeepStrictEqual([...(before?.ports.keys() ?? [])], [...(after?.ports.keys() ?? [])])) return
    for (const below of node.below) dirt.namespaces.add(below.namespace)
  }

  #takeResources(snapshot: Snapshot, dirt: Dirt): void {
    const environments = [...snapshot.environments.values()]
    const problems = validateResources(environments, [...snapshot.previews.values()], snapshot.terminating)
    this.#problems = new Map(problems.map((it) => [problemId(it.kind, it.namespace, it.name), it]))
    const sound = environments.filter(
      ({ metadata }) => !this.#problems.has(problemId('Environment', metadata.namespace, metadata.name)),
    )
    const before = this.#forest
    this.#forest = buildForest(sound, snapshot.expired)
    for (const node of changedNodes(before, this.#forest)) this.#takeNode(node, dirt)
  }

  /** Marks everything that depends on a changed node, in its old or new form, to be planned again. */
  #takeNode(node: Node, dirt: Dirt): void {
    const gone = !this.#forest.byNamespace.has(node.namespace)
    for (const service of this.#servicesIn.get(node.namespace) ?? []) {
      if (gone) this.#listeners.delete(nameId(node.namespace, service))
      dirt.unit(node, service)
    }
    const addresses = this.#pods.addressesIn(node.namespace)
    for (const above of node.above) {
      dirt.callersAt(above, addresses)
      // A branch above lists the keys that end there. A root's table lists only the others.
      if (above.type !== 'branch') continue
      for (const service of this.#servicesIn.get(above.namespace) ?? []) dirt.unit(above, service)
    }
    dirt.callers.set(node.name, undefined)
    dirt.namespaces.add(node.namespace)
    dirt.nodes.add(node.namespace)
    for (const pod of this.#pods.inNamespace(node.namespace)) dirt.pods.add(pod)
  }

  #takePod(snapshot: Snapshot, id: string, dirt: Dirt): void {
    const pod = snapshot.pods.get(id)
    const weight = this.#pods.get(id)?.weight ?? DEFAULT_WEIGHT
    const { addresses, namespaces } = this.#pods.set(id, pod)
    if ((pod?.weight ?? DEFAULT_WEIGHT) !== weight) {
      // A copy, because #takeService changes the set.
      const services = [...(this.#servicesOfPod.get(id) ?? [])]
      for (const service of services) this.#takeService(snapshot, service, dirt)
    }
    for (const namespace of namespaces) {
      const node = this.#forest.byNamespace.get(namespace)
      if (node?.type !== 'branch') continue
      for (const it of [node, ...node.above]) dirt.callersAt(it, addresses)
    }
    dirt.pods.add(id)
    dirt.namespaces.add(namespaceOf(id))
  }

  #planUnit(rootName: string, service: string, concerned: ReadonlySet<string>, dirt: Dirt): void {
    const root = this.#forest.byName.get(rootName)
    const byPort = new Map<number, Map<Node, Presence>>()
    for (const namespace of this.#namespacesOf.get(service) ?? []) {
      const node = this.#forest.byNamespace.get(namespace)
      if (node === undefined || rootOf(node) !== root) continue
      for (const [port, presence] of this.#presences.get(nameId(namespace, service))?.ports ?? []) {
        const nodes = byPort.get(port)
        if (nodes === undefined) byPort.set(port, new Map([[node, presence]]))
        else nodes.set(node, presence)
      }
    }
    const planned = new Map<string, Map<number, ListenerRoutes>>()
    for (const [port, presences] of byPort) {
      const targetOf = (node: Node): Target => this.#targets.of(node, service, port, presences.get(node))
      for (const namespace of concerned) {
        const node = this.#forest.byNamespace.get(namespace)
        if (node === undefined || !presences.has(node)) continue
        const id = nameId(node.namespace, service)
        const ports = planned.get(id) ?? new Map<number, ListenerRoutes>()
        const listener = planListener(service, node, presences, targetOf)
        planned.set(id, ports.set(port, this.#unlessSame(id, port, listener)))
      }
    }
    for (const [id, ports] of planned) this.#setListeners(id, ports, dirt)
  }

  /** The current listener if the new one equals it, otherwise the new one. */
  #unlessSame(id: string, port: number, listener: ListenerRoutes): ListenerRoutes {
    const before = this.#listeners.get(id)?.get(port)
    return before !== undefined && sameListener(before, listener) ? before : listener
  }

  #setListeners(id: string, ports: Map<number, ListenerRoutes>, dirt: Dirt): void {
    const before = this.#listeners.get(id)
    this.#listeners.set(id, ports)
    const same = before?.size === ports.size && [...ports].every(([port, it]) => before.get(port) === it)
    if (same) return
    for (const { pod } of this.#presences.get(id)?.attachments ?? []) dirt.pods.add(pod)
  }

  #planTables(dirt: Dirt): Map<string, { before?: SidecarTable; after?: SidecarTable }> {
    const changed = new Map<string, { before?: SidecarTable; after?: SidecarTable }>()
    for (const pod of dirt.pods) {
      const before = this.#tables.get(pod)
      const after = this.#tableOf(pod)
      if (before === after || (before && after && sameTable(before, after))) continue
      if (after === undefined) this.#tables.delete(pod)
      else this.#tables.set(pod, after)
      changed.set(pod, { ...(before && { before }), ...(after && { after }) })
    }
    return changed
  }

  #tableOf(pod: string): SidecarTable | undefined {
    const facts = this.#pods.get(pod)
    if (facts?.sidecar !== true) return undefined
    const node = this.#forest.byNamespace.get(facts.namespace)
    if (node === undefined) return { environment: '', listeners: {}, callers: NO_CALLERS }
    const listeners: Record<string, ListenerRoutes> = {}
    for (const id of [...(this.#servicesOfPod.get(pod) ?? [])].sort()) {
      for (const attachment of this.#presences.get(id)?.attachments ?? []) {
        const listener = this.#listeners.get(id)?.get(attachment.port)
        if (attachment.pod === pod && listener !== undefined) listeners[attachment.inbound] = listener
      }
    }
    return { environment: node.name, listeners, callers: this.#callers.of(node) }
  }

  #planEnvironments(snapshot: Snapshot, all: boolean, dirt: Dirt): Set<string> {
    const plans = new Map<string, EnvironmentPlan | undefined>()
    const view = { expired: snapshot.expired, presences: this.#presences, pods: this.#pods }
    for (const [id, environment] of snapshot.environments) {
      const { namespace } = environment.metadata
      const expired = snapshot.expired.has(id)
      // Environments that are based on an expired one hold it, so look again when they change.
      const dirty = dirt.namespaces.has(namespace) || (all && expired)
      if (!(all && this.#differs(environment, expired)) && !dirty) continue
      const problem = this.#problemOf(environment)
      const services = this.#servicesIn.get(namespace) ?? []
      plans.set(id, environmentPlan(environment, problem, this.#forest, services, view))
    }
    for (const it of all ? snapshot.unreadable.values() : []) {
      if (it.kind !== 'Environment') continue
      const verdict = unreadableVerdict(it)
      const none = { key: undefined, overrides: [], warnings: [], expiry: undefined }
      plans.set(nameId(it.namespace, it.name), { verdict, ...none })
    }
    if (all) this.#forget('Environment', this.#environments, snapshot.environments, plans)
    return settle(this.#environments, plans)
  }

  #planPreviews(snapshot: Snapshot, all: boolean, dirt: Dirt): Set<string> {
    const plans = new Map<string, PreviewPlan | undefined>()
    for (const [id, preview] of snapshot.previews) {
      const dirty = dirt.services.has(preview.spec.service) || dirt.nodes.has(preview.metadata.namespace)
      if (!(all && this.#differs(preview, false)) && !dirty) continue
      plans.set(id, previewPlan(preview, this.#problemOf(preview), this.#forest, this.#presences))
    }
    for (const it of all ? snapshot.unreadable.values() : []) {
      if (it.kind !== 'Preview') continue
      plans.set(nameId(it.namespace, it.name), { verdict: unreadableVerdict(it), planned: undefined })
    }
    if (all) this.#forget('Preview', this.#previews, snapshot.previews, plans)
    return settle(this.#previews, plans)
  }

  #problemOf({ kind, metadata }: Environment | Preview): Problem | undefined {
    return this.#problems.get(problemId(kind, metadata.namespace, metadata.name))
  }

  /** Whether a resource or its problem has changed since it was planned. Records the new state. */
  #differs(of: Environment | Preview, expired: boolean): boolean {
    const id = problemId(of.kind, of.metadata.namespace, of.metadata.name)
    const problem = this.#problems.get(id)?.message ?? ''
    const before = this.#planned.get(id)
    if (before?.of === of && before.problem === problem && before.expired === expired) return false
    this.#planned.set(id, { of, problem, expired })
    return true
  }

  /** Marks the plans of resources that are gone for removal. */
  #forget<T>(
    kind: Problem['kind'],
    map: ReadonlyMap<string, T>,
    resources: ReadonlyMap<string, unknown>,
    plans: Map<string, T | undefined>,
  ): void {
    for (const id of map.keys()) {
      if (resources.has(id)) continue
      this.#planned.delete(`${kind}/${id}`)
      if (!plans.has(id)) plans.set(id, undefined)
    }
  }
}

/** The plan for a snapshot, made from scratch. A pure function: it uses no clock, no randomness and no earlier state. */
export function plan(snapshot: Snapshot): Plan {
  const planner = new Planner()
  planner.update(snapshot, allChanges(snapshot))
  return planner.plan
}

const namespaceOf = (id: string): string => id.slice(0, id.indexOf('/'))

const problemId = (kind: string, namespace: string, name: string): string => `${kind}/${namespace}/${name}`

function index(map: Map<string, Set<string>>, key: string, value: string, present: boolean): void {
  const values = map.get(key)
  if (present) {
    if (values === undefined) map.set(key, new Set([value]))
    else values.add(value)
  } else {
    values?.delete(value)
    if (values?.size === 0) map.delete(key)
  }
}

/** Writes the differences into the current map (undefined removes), and returns their ids. */
function settle<T>(map: Map<string, T>, plans: ReadonlyMap<string, T | undefined>): Set<string> {
  const changed = new Set<string>()
  for (const [id, plan] of plans) {
    if (isDeepStrictEqual(map.get(id), plan)) continue
    changed.add(id)
    if (plan === undefined) map.delete(id)
    else map.set(id, plan)
  }
  return changed
}

function sameTable(one: SidecarTable, two: SidecarTable): boolean {
  const ports = Object.keys(one.listeners)
  return (
    one.environment === two.environment &&
    one.callers === two.callers &&
    ports.length === Object.keys(two.listeners).length &&
    ports.every((port) => one.listeners[port] === two.listeners[port])
  )
}
