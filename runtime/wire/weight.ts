/** The weight of an endpoint that has none of its own. */
export const DEFAULT_WEIGHT = 1
/** The largest weight of an endpoint; the least, 0, is asked only where no other one is there. */
export const MAX_WEIGHT = 100

/** A weight as an annotation has it: a whole number from 0 to {@link MAX_WEIGHT}; undefined for all else. */
export function parseWeight(text: string): number | undefined {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return undefined
  const weight = Number(text)
  return isWeight(weight) ? weight : undefined
}

/** Whether a value is a weight. */
export const isWeight = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_WEIGHT
