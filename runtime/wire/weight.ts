/** The default weight of an endpoint. */
export const DEFAULT_WEIGHT = 1
/** The largest weight of an endpoint. An endpoint of weight 0 gets requests only if there is no other endpoint. */
export const MAX_WEIGHT = 100

/** Parses the value of the weight annotation: a whole number from 0 to {@link MAX_WEIGHT}. Otherwise returns undefined. */
export function parseWeight(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return undefined
  const weight = Number(text)
  return isWeight(weight) ? weight : undefined
}

/** Reports whether a value is a valid weight. */
export const isWeight = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_WEIGHT
