import type { Branch } from '../../propagation/verdict.ts'
import type { Plan } from '../plan/plan.ts'
import { chainOf, type Node } from '../plan/forest.ts'
import { nameId } from '../store/snapshot.ts'

/** The branches whose overrides requests can reach only if every service on their path forwards the key. */
export function* branchesOf(plan: Plan): Iterable<Branch> {
  for (const node of plan.forest.byName.values()) {
    const branch = branchOf(node, plan)
    if (branch !== undefined) yield branch
  }
}

/** The same for one environment. Undefined if it has no such override now. */
export function branchOf(node: Node, plan: Plan): Branch | undefined {
  if (node.type !== 'branch' || node.paused) return undefined
  const id = nameId(node.namespace, node.name)
  const overrides = (plan.environments.get(id)?.overrides ?? []).filter((service) => {
    const own = plan.presences.get(nameId(node.namespace, service))
    // A TCP connection has no key. Services that only the branch runs are called by its own pods, which need none.
    const isHttp = [...(own?.protocols.values() ?? [])].some((protocol) => protocol !== 'tcp')
    return isHttp && node.above.some((above) => plan.presences.has(nameId(above.namespace, service)))
  })
  if (overrides.length === 0) return undefined
  return { id, key: node.key, overrides, chain: chainOf(node).map(({ name }) => name) }
}
