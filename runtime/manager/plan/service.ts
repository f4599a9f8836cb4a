import type { ListenerRoutes, Target } from '@branchline/wire/routes/messages'
import { chainOf, type Node } from './forest.ts'

/** One port of a Service, as one environment runs it. */
export interface Presence {
  /** `address:port` of the ready endpoints, sorted. */
  readonly endpoints: readonly string[]
}

/** The environments of one tree that run one port of a Service. */
export type Presences = ReadonlyMap<Node, Presence>

/**
 * The environment that serves a port of a Service for requests of another's key: the nearest, from that one
 * up, which runs it. One that runs it without a ready endpoint is passed over where its rule is `baseline`
 * and an environment above stands in for it; so is a paused one. Undefined where nobody in the chain runs it.
 */
export function ownerOf(node: Node, presences: Presences): Node | undefined {
  return chainOf(node).find((candidate) => isOwner(candidate, presences.get(candidate)))
}

function isOwner(node: Node, presence: Presence | undefined): boolean {
  if (presence === undefined || node.paused) return false
  return node.above.length === 0 || presence.endpoints.length > 0 || node.onUnavailable !== 'baseline'
}

/**
 * What the sidecars of each environment that runs a port of a Service do with its requests
 * (ListenerRoutes of wire/routes). All of them must be of one tree.
 */
export function planService(service: string, presences: Presences): Map<Node, ListenerRoutes> {
  const targets = new Map<Node, Target>()
  for (const [node, { endpoints }] of presences) {
    const { name: environment, onUnavailable } = node
    targets.set(node, { environment, endpoints: [...endpoints], onUnavailable })
  }
  const plans = new Map<Node, ListenerRoutes>()
  for (const node of presences.keys()) plans.set(node, planListener(service, node, presences, targets))
  return plans
}

function planListener(
  service: string,
  node: Node,
  presences: Presences,
  targets: ReadonlyMap<Node, Target>,
): ListenerRoutes {
  const base = node.above.find((above) => isOwner(above, presences.get(above)))
  const routes: Record<string, Target> = {}
  const own = isOwner(node, presences.get(node)) ? [node.key] : []
  for (const below of node.below) {
    const owner = ownerOf(below, presences)
    if (owner === node) own.push(below.key)
    else if (owner !== undefined && owner.above.length > node.above.length) {
      routes[below.key] = targets.get(owner) as Target
    }
  }
  const isRoot = node.above.length === 0
  const { onUnavailable } = node
  const listener = { service, routes, own: isRoot ? [] : own.sort(), onUnavailable }
  return base === undefined ? listener : { ...listener, base: targets.get(base) }
}
