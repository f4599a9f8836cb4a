import type { Placed } from './fields.ts'

/** A dimension in which manifests differ: the options that a field has, symbols among them. */
export interface Dimension extends Placed {
  readonly options: readonly unknown[]
  /** Options that are known (a switch, a choice), not only said or unsaid. */
  readonly isChoice: boolean
}

/** An option of each dimension, by its number. */
export type Point = readonly number[]

export interface Space {
  readonly dimensions: readonly Dimension[]
  /** Of each dimension the options that are still open, by their numbers: one at least. */
  readonly allowed: readonly (readonly number[])[]
}

/**
 * The points at which a space is looked at: every combination of choices, with all optional values said and
 *  with none, and each optional value otherwise beside both. A family that hangs on three optional values at once
 * may differ elsewhere.
 */
export function pointsOf({ dimensions, allowed }: Space): Point[] {
  const open = [...allowed.keys()].filter((index) => (allowed[index] as readonly number[]).length > 1)
  const { choices = [], optional = [] } = Object.groupBy(open, (index) =>
    dimensions[index]?.isChoice === true ? 'choices' : 'optional',
  )
  const least = allowed.map((options) => options[0] as number)
  let bases: Point[] = [least, optional.reduce<Point>((point, index) => point.with(index, 1), least)]
  for (const index of choices) {
    bases = bases.flatMap((base) => allowed[index]?.map((option) => base.with(index, option)) ?? [])
  }
  const beside = (base: Point): Point[] =>
    optional.map((index) => base.with(index, 1 - (base[index] as number)))
  const all = [...bases, ...bases.flatMap(beside)]
  return [...new Map(all.map((point) => [point.join(), point])).values()]
}

/** For each open dimension a number for each point; points that differ in that dimension alone have the same. */
export function neighboursOf({ allowed }: Space, points: readonly Point[]): ReadonlyMap<number, number[]> {
  const open = [...allowed.keys()].filter((index) => (allowed[index] as readonly number[]).length > 1)
  return new Map(
    open.map((index) => {
      const ids = new Map<string, number>()
      const numbers = points.map((point) => {
        const key = point.with(index, 0).join()
        const id = ids.get(key) ?? ids.size
        ids.set(key, id)
        return id
      })
      return [index, numbers]
    }),
  )
}
