export type Data = Readonly<Record<string, unknown>>

/**
 * Merges `over` into `under` as Helm merges values: maps are merged, null removes a key, and other values are replaced.
 * Undefined changes nothing.
 */
export function overlay(under: Data, over: Data): Data {
  const merged: Record<string, unknown> = { ...under }
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue
    const below = merged[name]
    if (value === null) delete merged[name]
    else merged[name] = isMap(value) ? overlay(isMap(below) ? below : {}, value) : value
  }
  return merged
}

export const isMap = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
