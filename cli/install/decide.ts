import { type Dimension, neighboursOf, type Point, pointsOf, type Space } from './space.ts'
import { branch, type Branch, namesOf, type Tree, treeOf } from './tree.ts'

/** Manifests as one tree in which values decide: a template before it has a language. */
export type Decided =
  | { readonly kind: 'absent' }
  | { readonly kind: 'leaf'; readonly value: unknown }
  | { readonly kind: Branch; readonly parts: readonly (readonly [name: string, part: Decided])[] }
  | { readonly kind: 'switch'; readonly dimension: Dimension; readonly cases: readonly Case[] }

/** What is where a dimension has one of some options, by their numbers. */
export interface Case {
  readonly options: readonly number[]
  readonly decided: Decided
}

/** A part of manifests at every point, or undefined where it is not. */
type Family = (point: Point) => Tree | undefined

/**
 * Derives from a function of points the tree of decisions that says the same, with each decision as near to
 * what it changes as can be. It looks at the points of {@link pointsOf}. Pure.
 */
export function decide(dimensions: readonly Dimension[], family: Family): Decided {
  return decidePart(family, { dimensions, allowed: dimensions.map(({ options }) => [...options.keys()]) })
}

function decidePart(family: Family, space: Space): Decided {
  const points = pointsOf(space)
  const shapes = points.map((point) => shapeOf(family(point)))
  if (new Set(shapes).size === 1) return decideParts(family, space, points)
  const { index, groups } = splitOf(space, points, shapes)
  const cases = groups.map((options): Case => {
    const allowed = space.allowed.with(index, options)
    return { options, decided: decidePart(family, { ...space, allowed }) }
  })
  return { kind: 'switch', dimension: space.dimensions[index] as Dimension, cases }
}

/** Of what has one shape at all points: its parts, each in the space of the dimensions that change it. */
function decideParts(family: Family, space: Space, points: readonly Point[]): Decided {
  const trees = points.map((point) => family(point))
  const [first] = trees
  if (first === undefined) return { kind: 'absent' }
  if (first.kind === 'leaf') return { kind: 'leaf', value: first.value }
  const neighbours = neighboursOf(space, points)
  const parts = namesOf(trees as Tree[]).map((name) => {
    const part: Family = (point) => partOf(family(point), name)
    const texts = trees.map((tree) => partOf(tree, name)?.text)
    // What changes nothing here may be anything, so the first option will do.
    const allowed = space.allowed.map((options, index) => {
      const ids = neighbours.get(index)
      return ids !== undefined && differs(ids, texts) ? options : options.slice(0, 1)
    })
    return [name, decidePart(part, { ...space, allowed })] as const
  })
  return { kind: first.kind, parts }
}

const partOf = (tree: Tree | undefined, name: string): Tree | undefined =>
  tree === undefined || tree.kind === 'leaf' ? undefined : tree.parts.get(name)

/** Whether any two neighbours have different texts. */
function differs(ids: readonly number[], texts: readonly (string | undefined)[]): boolean {
  const seen: (string | undefined)[] = []
  return ids.some((id, place) => {
    if (!(id in seen)) seen[id] = texts[place]
    return seen[id] !== texts[place]
  })
}

function shapeOf(tree: Tree | undefined): string {
  if (tree === undefined) return 'absent'
  if (tree.kind === 'leaf') return `leaf ${tree.text}`
  return tree.kind === 'tuple' ? `tuple ${tree.parts.size}` : tree.kind
}

/**
 * The dimension whose options leave the fewest questions open, the first of these, and its options in groups:
 * those together that settle the shape alike.
 */
function splitOf(
  { allowed }: Space,
  points: readonly Point[],
  shapes: readonly string[],
): { index: number; groups: number[][] } {
  const splits = allowed.flatMap((options, index) => {
    if (options.length < 2) return []
    const settled = options.map((option) => {
      const found = new Set(shapes.filter((_, place) => points[place]?.[index] === option))
      return found.size === 1 ? ([...found][0] as string) : `open at ${option}`
    })
    const groups = [...Map.groupBy(options, (option) => settled[options.indexOf(option)]).values()]
    const open = settled.filter((shape) => shape.startsWith('open at')).length
    return groups.length < 2 ? [] : [{ index, groups, open: open / options.length }]
  })
  return splits.toSorted((a, b) => a.open - b.open)[0] as (typeof splits)[0]
}

/** What a tree of decisions says at a point, or undefined for nothing. */
export function decidedAt(
  decided: Decided,
  dimensions: readonly Dimension[],
  point: Point,
): Tree | undefined {
  if (decided.kind === 'absent') return undefined
  if (decided.kind === 'leaf') return treeOf(decided.value)
  if (decided.kind === 'switch') {
    const option = point[dimensions.indexOf(decided.dimension)] as number
    const { decided: taken } = decided.cases.find(({ options }) => options.includes(option)) as Case
    return decidedAt(taken, dimensions, point)
  }
  const parts = decided.parts.map(([name, part]) => [name, decidedAt(part, dimensions, point)] as const)
  return branch(decided.kind, new Map(parts.filter((part): part is [string, Tree] => part[1] !== undefined)))
}
