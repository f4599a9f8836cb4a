import type { Resolution, Wanted } from '../gateway-view.ts'
import { nameId } from '../store/snapshot.ts'
import { chainOf, type Forest, type Node } from './forest.ts'
import type { ServicePresence } from './presence.ts'
import { endpointsFor, ownerOf, type Presence } from './service.ts'

type PresenceByService = ReadonlyMap<string, ServicePresence>

/** A resolution, and whether its endpoints are ready. */
export interface Resolved extends Resolution {
  readonly ready: boolean
}

/** The environment and endpoints that serve a target: see {@link GatewayView.resolve}. */
export function resolve(
  forest: Forest,
  presences: PresenceByService,
  wanted: Wanted,
): Resolution | undefined {
  const found = resolved(forest, presences, wanted)
  if (found === undefined) return undefined
  const { ready: _, ...resolution } = found
  return resolution
}

/** The same, and whether the endpoints are ready. */
export function resolved(
  forest: Forest,
  presences: PresenceByService,
  { environment, service, port }: Wanted,
): Resolved | undefined {
  const node = forest.byName.get(environment)
  if (node === undefined) return undefined
  const chain = chainPresences(node, service, presences, port)
  const owner = ownerOf(node, chain)
  if (owner === undefined) return undefined
  const presence = chain.get(owner)
  const { endpoints } = endpointsFor(owner, presence)
  const trouble = presence?.trouble
  return {
    environment: owner.name,
    endpoints,
    ready: (presence?.endpoints.length ?? 0) > 0,
    ...(trouble !== undefined && { trouble }),
  }
}

function chainPresences(
  node: Node,
  service: string,
  presences: PresenceByService,
  port: number,
): Map<Node, Presence> {
  const found = new Map<Node, Presence>()
  for (const candidate of chainOf(node)) {
    const presence = presences.get(nameId(candidate.namespace, service))?.ports.get(port)
    if (presence !== undefined) found.set(candidate, presence)
  }
  return found
}

/** The number of a Service's named port in the nearest environment of the chain that has it. */
export function namedPort(
  node: Node,
  service: string,
  presences: PresenceByService,
  name: string,
): number | undefined {
  for (const { namespace } of chainOf(node)) {
    const port = presences.get(nameId(namespace, service))?.names.get(name)
    if (port !== undefined) return port
  }
  return undefined
}
