import type { Hop } from '@branchline/wire/routes/hop'

/** A hop and the hops that follow it. */
export interface HopNode {
  readonly hop: Hop
  readonly children: HopNode[]
}

/** Sorts hops in the order in which the request reached them. If clocks disagree, the parent of a hop decides. */
export function hopsInOrder(hops: readonly Hop[]): Hop[] {
  const below = ({ hop, children }: HopNode): Hop[] => [hop, ...children.flatMap(below)]
  return treeOf(hops).flatMap(below)
}

/**
 * Builds a tree of hops by the parent that each hop names. A tracer between two hops may replace the parent id. The
 * parent is then the hop that began last among the hops whose time includes this one.
 */
export function treeOf(hops: readonly Hop[]): HopNode[] {
  const nodes = hops
    .toSorted((one, other) => one.startMs - other.startMs || other.ms - one.ms)
    .map((hop): HopNode => ({ hop, children: [] }))
  const named = new Map(nodes.map((node) => [node.hop.id, node]))
  const parents = new Map<HopNode, HopNode>()
  const adopt = (node: HopNode, parent: HopNode | undefined): void => {
    if (parent !== undefined && !isBelow(parent, node, parents)) parents.set(node, parent)
  }
  for (const node of nodes) if (node.hop.parent !== undefined) adopt(node, named.get(node.hop.parent))
  for (const [index, node] of nodes.entries()) {
    if (parents.has(node)) continue
    adopt(
      node,
      nodes.slice(0, index).findLast(({ hop }) => isWithin(node.hop, hop)),
    )
  }
  for (const node of nodes) parents.get(node)?.children.push(node)
  return nodes.filter((node) => !parents.has(node))
}

/** Reports whether a node is `top` or below it. Input from outside may name parents in a circle. */
function isBelow(node: HopNode, top: HopNode, parents: ReadonlyMap<HopNode, HopNode>): boolean {
  for (let at: HopNode | undefined = node; at !== undefined; at = parents.get(at)) if (at === top) return true
  return false
}

// The tolerance is a millisecond, because clocks differ and the end is recorded after the fact.
const isWithin = (inner: Hop, outer: Hop): boolean =>
  inner.startMs >= outer.startMs && inner.startMs + inner.ms <= outer.startMs + outer.ms + 1
