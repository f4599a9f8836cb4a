import type { ChangeMemo } from '@branchline/wire/routes/delta'
import { nameId } from '../store/snapshot.ts'
import { type Node, rootOf } from './forest.ts'

/** What an update has to plan again. */
export class Dirt {
  /**
   * Services to plan: the name of a root, of the Service, and the namespaces concerned. A change in one environment
   * concerns the environments above and below it.
   */
  readonly units = new Map<string, { root: string; service: string; namespaces: Set<string> }>()
  readonly services = new Set<string>()
  /** Environments, by name, whose callers may differ: at these addresses, or at any (undefined). */
  readonly callers = new Map<string, Set<string> | undefined>()
  readonly pods = new Set<string>()
  /** Namespaces whose statuses may change. */
  readonly namespaces = new Set<string>()
  /** Namespaces of environments that changed, so that their previews may lead elsewhere. */
  readonly nodes = new Set<string>()
  /** Known differences between parts of tables. */
  readonly known: ChangeMemo = new Map()

  unit(node: Node, service: string): void {
    const root = rootOf(node).name
    const id = nameId(root, service)
    const unit = this.units.get(id) ?? { root, service, namespaces: new Set() }
    for (const it of [node, ...node.above, ...node.below]) unit.namespaces.add(it.namespace)
    this.units.set(id, unit)
  }

  callersAt({ name }: Node, addresses: readonly string[]): void {
    if (!this.callers.has(name)) this.callers.set(name, new Set(addresses))
    else for (const address of addresses) this.callers.get(name)?.add(address)
  }
}
