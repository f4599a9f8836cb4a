import { type Environment, environmentKey } from '@branchline/wire/resources/environment'
import type { EnvironmentType } from '@branchline/wire/resources/environment'
import type { OnUnavailable } from '@branchline/wire/routes/messages'
import { nameId } from '../store/snapshot.ts'

/** An environment in effect, in the tree of its root. */
export interface Node {
  readonly name: string
  readonly namespace: string
  readonly key: string
  readonly type: EnvironmentType
  readonly onUnavailable: OnUnavailable
  /** Whether it is paused or expired, so that nothing is routed to it. Never true of a root. */
  readonly paused: boolean
  /** The environments above, nearest first. Its root is the last. Empty for a root. */
  readonly above: readonly Node[]
  /** The environments based on it, directly or indirectly, in no order. */
  readonly below: readonly Node[]
}

/** All environments in effect. Names, keys and namespaces are each unique among them. */
export interface Forest {
  readonly byName: ReadonlyMap<string, Node>
  readonly byNamespace: ReadonlyMap<string, Node>
}

export const EMPTY_FOREST: Forest = { byName: new Map(), byNamespace: new Map() }

/**
 * The trees of the environments in effect. The environments should have no problems (wire/resources). One whose
 * chain is incomplete all the same is left out, instead of getting a chain that ends early. `expired` contains the
 * ids of expired environments.
 */
export function buildForest(environments: Iterable<Environment>, expired: ReadonlySet<string>): Forest {
  const resources = new Map<string, Environment>()
  for (const environment of environments) resources.set(environment.metadata.name, environment)
  const byName = new Map<string, Node>()
  for (const environment of resources.values()) grow(environment, { resources, expired }, byName, new Set())
  const byNamespace = new Map<string, Node>()
  for (const node of byName.values()) {
    byNamespace.set(node.namespace, node)
    for (const above of node.above) (above.below as Node[]).push(node)
  }
  return { byName, byNamespace }
}

function grow(
  environment: Environment,
  given: { resources: ReadonlyMap<string, Environment>; expired: ReadonlySet<string> },
  nodes: Map<string, Node>,
  path: Set<string>,
): Node | undefined {
  const { metadata, spec } = environment
  const grown = nodes.get(metadata.name)
  if (grown !== undefined) return grown
  if (path.has(metadata.name)) return undefined
  path.add(metadata.name)
  const base = spec.type === 'branch' ? given.resources.get(spec.base ?? '') : undefined
  const parent = base && grow(base, given, nodes, path)
  if (spec.type === 'branch' && parent === undefined) return undefined
  const node: Node = {
    name: metadata.name,
    namespace: metadata.namespace,
    key: environmentKey(environment),
    type: spec.type,
    onUnavailable: spec.onUnavailable,
    paused:
      parent !== undefined && (spec.paused || given.expired.has(nameId(metadata.namespace, metadata.name))),
    above: parent === undefined ? [] : [parent, ...parent.above],
    below: [],
  }
  nodes.set(node.name, node)
  return node
}

/** An environment's root. An environment without a base is its own root. */
export const rootOf = (node: Node): Node => node.above.at(-1) ?? node

/** The environment, then those above it, nearest first. */
export const chainOf = (node: Node): readonly Node[] => [node, ...node.above]

/**
 * The environments of both forests that are new, gone or different, in the form that each forest has. Everything
 * that was planned with one of them must be planned again.
 */
export function changedNodes(before: Forest, after: Forest): Node[] {
  const changed: Node[] = []
  for (const node of before.byName.values()) {
    if (!isSame(node, after.byName.get(node.name))) changed.push(node)
  }
  for (const node of after.byName.values()) {
    if (!isSame(node, before.byName.get(node.name))) changed.push(node)
  }
  return changed
}

function isSame(one: Node, two: Node | undefined): boolean {
  if (two === undefined) return false
  const alike =
    one.namespace === two.namespace &&
    one.key === two.key &&
    one.type === two.type &&
    one.onUnavailable === two.onUnavailable &&
    one.paused === two.paused &&
    one.above.length === two.above.length
  return alike && one.above.every((above, index) => isSame(above, two.above[index]))
}
