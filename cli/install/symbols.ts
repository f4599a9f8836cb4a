import { type FieldTree, placed, type ValuesOf, valuesOf } from './fields.ts'
import type { Dimension, Point } from './space.ts'

/**
 * In place of a value that is text, a number or data, manifests get its symbol: the path between brackets that
 * no manifest has otherwise. What a template says is then read off where symbols arrive.
 */
const OPEN = '⟦'
const CLOSE = '⟧'
const SYMBOL = new RegExp(`${OPEN}([^${OPEN}${CLOSE}]*)${CLOSE}`)

export const symbolOf = (path: string): string => OPEN + path + CLOSE

/** A text as what stands in it: texts at even places, the paths of symbols at odd ones. */
export const symbolsIn = (text: string): string[] => text.split(SYMBOL)

/** Whether a text has half of a symbol: manifests were made of a part of one. */
export const hasBrokenSymbol = (text: string): boolean =>
  symbolsIn(text).some((part, index) => index % 2 === 0 && (part.includes(OPEN) || part.includes(CLOSE)))

/** All dimensions of a tree of fields; required texts, numbers and data have none: they are always a symbol. */
export const dimensionsOf = (fields: FieldTree): Dimension[] =>
  placed(fields).flatMap(({ path, field }): Dimension[] => {
    if (field.choices !== undefined) return [{ path, field, options: field.choices, isChoice: true }]
    if (!field.isOptional) return []
    return [{ path, field, options: [field.standard, symbolOf(path)], isChoice: false }]
  })

/** The values at a point: options where there is a dimension, symbols elsewhere. */
export function valuesAt<T extends FieldTree>(
  fields: T,
  dimensions: readonly Dimension[],
  point: Point,
): ValuesOf<T> {
  const options = new Map(
    dimensions.map(({ path, options }, index) => [path, options[point[index] as number]]),
  )
  return valuesOf(fields, (path) => (options.has(path) ? options.get(path) : symbolOf(path)))
}
