import type { ChangeMemo } from '@branchline/wire/routes/delta'
import { nameId } from '../store/snapshot.ts'
import { type Node, rootOf } from './forest.ts'

/** What one update touches. */
export class Dirt {
  /**
   * Services to be planned: the name of a root, the Service's, and the namespaces for which: a change in one
   * environment concerns those above and below it.
   */
  readonly units = new Map<string, { root: string; service: string; namespaces: Set<string> }>()
  readonly services = new Set<string>()
  /** Environments, by name, whose callers may differ: at these addresses, or wherever. */
  readonly callers = new Map<string, Set<string> | undefined>()
  readonly pods = new Set<string>()
  /** Namespaces of which something else may be to be said. */
  readonly namespaces = new Set<string>()
  /** Namespaces of environments that changed, whose previews lead elsewhere. */
  readonly nodes = new Set<string>()
  /** What is known of differences between parts of tables. */
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
