import { isDeepStrictEqual } from 'node:util'
import { validateResources, type Problem } from '@branchline/wire/resources/validate'
import type { ListenerRoutes } from '@branchline/wire/routes/messages'
import { type Changes, nameId, type Snapshot } from '../store/snapshot.ts'
import { PodIndex } from './callers.ts'
import { buildForest, changedNodes, EMPTY_FOREST, type Forest, type Node, rootOf } from './forest.ts'
import type { EnvironmentPlan, Plan, PlanChange, PreviewPlan, SidecarTable } from './plan.ts'
import { presenceOf, type ServicePresence } from './presence.ts'
import { type Presence, planService } from './service.ts'
import { environmentPlan, previewPlan, unreadableVerdict } from './verdicts.ts'

/** What one update touches. */
class Dirt {
  /** Services to be planned: the name of a root, and the Service's name. */
  readonly units = new Map<string, { root: string; service: string }>()
  readonly services = new Set<string>()
  /** Environments whose callers may differ. */
  readonly callers = new Set<Node>()
  readonly pods = new Set<string>()
  readonly namespaces = new Set<string>()

  unit(node: Node, service: string): void {
    const root = rootOf(node).name
    this.units.set(nameId(root, service), { root, service })
  }
}

/**
 * A plan that is kept up to date. An update costs what changed: a Service is planned anew for the one tree in
 * which it changed, and only tables that differ are new objects. Its result is the same as that of a plan
 * made from scratch.
 */
export class Planner {
  #forest: Forest = EMPTY_FOREST
  #problems = new Map<string, Problem>()
  readonly #pods = new PodIndex()
  readonly #presences = new Map<string, ServicePresence>()
  readonly #listeners = new Map<string, Map<number, ListenerRoutes>>()
  readonly #callers = new Map<string, Record<string, string>>()
  readonly #tables = new Map<string, SidecarTable>()
  readonly #environments = new Map<string, EnvironmentPlan>()
  readonly #previews = new Map<string, PreviewPlan>()
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

  /** Follows a change of the snapshot. `changes` must name everything that changed since the last update. */
  update(snapshot: Snapshot, changes: Changes): PlanChange {
    const dirt = new Dirt()
    for (const id of changes.services) this.#takeService(snapshot, id, dirt)
    if (changes.resources) this.#takeResources(snapshot, dirt)
    for (const id of changes.pods) this.#takePod(snapshot, id, dirt)
    for (const { root, service } of dirt.units.values()) this.#planUnit(root, service, dirt)
    this.#planCallers(dirt)
    return {
      tables: this.#planTables(dirt),
      environments: this.#planEnvironments(snapshot, changes.resources, dirt),
      previews: this.#planPreviews(snapshot, changes.resources, dirt),
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
    } else this.#presences.set(id, after)
    dirt.services.add(service)
    dirt.namespaces.add(namespace)
    const node = this.#forest.byNamespace.get(namespace)
    if (node !== undefined) dirt.unit(node, service)
  }

  #takeResources(snapshot: Snapshot, dirt: Dirt): void {
    const environments = [...snapshot.environments.values()]
    const problems = validateResources(environments, [...snapshot.previews.values()])
    this.#problems = new Map(problems.map((it) => [problemId(it.kind, it.namespace, it.name), it]))
    const sound = environments.filter(
      ({ metadata }) => !this.#problems.has(problemId('Environment', metadata.namespace, metadata.name)),
    )
    const before = this.#forest
    this.#forest = buildForest(sound)
    for (const node of changedNodes(before, this.#forest)) this.#takeNode(node, dirt)
  }

  /** A node that changed, as it was or as it is: what was planned with it is planned anew. */
  #takeNode(node: Node, dirt: Dirt): void {
    const gone = !this.#forest.byNamespace.has(node.namespace)
    for (const service of this.#servicesIn.get(node.namespace) ?? []) {
      if (gone) this.#listeners.delete(nameId(node.namespace, service))
      dirt.unit(node, service)
    }
    for (const above of node.above) {
      dirt.callers.add(above)
      // A branch above lists the keys that end there; a root's table has only those that do not.
      if (above.type !== 'branch') continue
      for (const service of this.#servicesIn.get(above.namespace) ?? []) dirt.unit(above, service)
    }
    dirt.callers.add(node)
    for (const pod of this.#pods.inNamespace(node.namespace)) dirt.pods.add(pod)
  }

  #takePod(snapshot: Snapshot, id: string, dirt: Dirt): void {
    for (const namespace of this.#pods.set(id, snapshot.pods.get(id))) {
      const node = this.#forest.byNamespace.get(namespace)
      if (node?.type !== 'branch') continue
      for (const it of [node, ...node.above]) dirt.callers.add(it)
    }
    dirt.pods.add(id)
  }

  #planUnit(rootName: string, service: string, dirt: Dirt): void {
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
      for (const [node, listener] of planService(service, presences)) {
        const id = nameId(node.namespace, service)
        const ports = planned.get(id) ?? new Map<number, ListenerRoutes>()
        planned.set(id, ports.set(port, this.#unlessSame(id, port, listener)))
      }
    }
    for (const [id, ports] of planned) this.#setListeners(id, ports, dirt)
  }

  /** The listener at hand where the new one says the same: what is identical need not be compared again. */
  #unlessSame(id: string, port: number, listener: ListenerRoutes): ListenerRoutes {
    const before = this.#listeners.get(id)?.get(port)
    return before !== undefined && isDeepStrictEqual(before, listener) ? before : listener
  }

  #setListeners(id: string, ports: Map<number, ListenerRoutes>, dirt: Dirt): void {
    const before = this.#listeners.get(id)
    this.#listeners.set(id, ports)
    const same = before?.size === ports.size && [...ports].every(([port, it]) => before.get(port) === it)
    if (same) return
    for (const { pod } of this.#presences.get(id)?.attachments ?? []) dirt.pods.add(pod)
  }

  #planCallers(dirt: Dirt): void {
    for (const { name } of dirt.callers) {
      const node = this.#forest.byName.get(name)
      if (node === undefined) {
        this.#callers.delete(name)
        continue
      }
      const callers = this.#pods.callersOf(node)
      if (isDeepStrictEqual(callers, this.#callers.get(name))) continue
      this.#callers.set(name, callers)
      for (const pod of this.#pods.inNamespace(node.namespace)) dirt.pods.add(pod)
    }
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
    return { environment: node.name, listeners, callers: this.#callers.get(node.name) ?? NO_CALLERS }
  }

  #planEnvironments(snapshot: Snapshot, all: boolean, dirt: Dirt): Set<string> {
    const plans = new Map<string, EnvironmentPlan | undefined>()
    for (const [id, environment] of snapshot.environments) {
      const { namespace, name } = environment.metadata
      if (!all && !dirt.namespaces.has(namespace)) continue
      const problem = this.#problems.get(problemId('Environment', namespace, name))
      const services = this.#servicesIn.get(namespace) ?? []
      plans.set(id, environmentPlan(environment, problem, this.#forest, services, this.#presences))
    }
    for (const it of all ? snapshot.unreadable.values() : []) {
      if (it.kind !== 'Environment') continue
      const verdict = unreadableVerdict(it)
      plans.set(nameId(it.namespace, it.name), { verdict, key: undefined, overrides: [] })
    }
    if (all) for (const id of this.#environments.keys()) if (!plans.has(id)) plans.set(id, undefined)
    return settle(this.#environments, plans)
  }

  #planPreviews(snapshot: Snapshot, all: boolean, dirt: Dirt): Set<string> {
    const plans = new Map<string, PreviewPlan | undefined>()
    for (const [id, preview] of snapshot.previews) {
      if (!all && !dirt.services.has(preview.spec.service)) continue
      const problem = this.#problems.get(
        problemId('Preview', preview.metadata.namespace, preview.metadata.name),
      )
      plans.set(id, previewPlan(preview, problem, this.#forest, this.#presences))
    }
    for (const it of all ? snapshot.unreadable.values() : []) {
      if (it.kind !== 'Preview') continue
      plans.set(nameId(it.namespace, it.name), { verdict: unreadableVerdict(it), planned: undefined })
    }
    if (all) for (const id of this.#previews.keys()) if (!plans.has(id)) plans.set(id, undefined)
    return settle(this.#previews, plans)
  }
}

const NO_CALLERS: Record<string, string> = {}

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

/** Writes what differs into the map at hand (undefined removes), and names it. */
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
