/** What has parts: a map, a list whose elements have names, a list whose elements have places alone. */
export type Branch = 'map' | 'list' | 'tuple'

/** A manifest, or a part of one, whose parts have names: so that two of a kind can be laid beside each other. */
export type Tree =
  | { readonly kind: Branch; readonly parts: ReadonlyMap<string, Tree>; readonly text: string }
  | { readonly kind: 'leaf'; readonly value: unknown; readonly text: string }

/** A tree of plain data. Where elements of a list have names (containers, variables, ports), these are theirs. */
export function treeOf(value: unknown): Tree {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    return { kind: 'leaf', value, text: JSON.stringify(value) }
  }
  if (Array.isArray(value)) {
    const isNamed = haveNames(value)
    const parts = value.map((element: unknown, index) => {
      return [isNamed ? (element as { name: string }).name : `${index}`, treeOf(element)] as const
    })
    return branch(isNamed ? 'list' : 'tuple', new Map(parts))
  }
  const entries = Object.entries(value).filter(([, part]) => part !== undefined)
  return branch('map', new Map(entries.map(([name, part]) => [name, treeOf(part)])))
}

export function branch(kind: Branch, parts: ReadonlyMap<string, Tree>): Tree {
  const inner = [...parts].map(([name, { text }]) => `${JSON.stringify(name)}:${text}`).join(',')
  return { kind, parts, text: kind === 'map' ? `{${inner}}` : `[${inner}]` }
}

function haveNames(list: readonly unknown[]): boolean {
  const names = list.map((element) => (element as { name?: unknown } | null)?.name)
  return (
    list.length > 0 && names.every((name) => typeof name === 'string') && new Set(names).size === names.length
  )
}

/** The names of all trees' parts, each after all that it follows in any of them (Kahn's algorithm). */
export function namesOf(trees: readonly Tree[]): string[] {
  const before = new Map<string, Set<string>>()
  for (const tree of trees) {
    let previous: string | undefined
    for (const name of tree.kind === 'leaf' ? [] : tree.parts.keys()) {
      const those = before.get(name) ?? new Set()
      before.set(name, previous === undefined ? those : those.add(previous))
      previous = name
    }
  }
  const names: string[] = []
  for (;;) {
    // Where two orders contradict each other none is free: the first then goes first.
    const free = [...before].find(([, those]) => [...those].every((one) => !before.has(one)))
    const [first] = before.keys()
    const name = free?.[0] ?? first
    if (name === undefined) return names
    before.delete(name)
    names.push(name)
  }
}

/** The data that a tree was made of. */
export function dataOf(tree: Tree): unknown {
  if (tree.kind === 'leaf') return tree.value
  if (tree.kind !== 'map') return [...tree.parts.values()].map(dataOf)
  return Object.fromEntries([...tree.parts].map(([name, part]) => [name, dataOf(part)]))
}
