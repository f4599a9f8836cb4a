import { chainOf, type Forest } from '../plan/forest.ts'

/** The tree of each environment, which is the name of the environment at its root: by name, and by key. */
export interface Trees {
  readonly byName: ReadonlyMap<string, string>
  readonly byKey: ReadonlyMap<string, string>
}

const known = new WeakMap<Forest, Trees>()

/** Returns the trees of a forest, once for each. */
export function treesOf(forest: Forest): Trees {
  const found = known.get(forest)
  if (found !== undefined) return found
  const byName = new Map<string, string>()
  const byKey = new Map<string, string>()
  for (const node of forest.byName.values()) {
    const root = chainOf(node).at(-1)?.name ?? node.name
    byName.set(node.name, root)
    byKey.set(node.key, root)
  }
  const trees = { byName, byKey }
  known.set(forest, trees)
  return trees
}
