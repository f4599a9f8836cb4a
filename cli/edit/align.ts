import { isDeepStrictEqual } from 'node:util'

/** Items of a list before and after a change that belong together. */
export interface Match {
  readonly before: number
  readonly after: number
}

/**
 * Finds the items that two lists have in common, in order: equal ones at both ends and, between them, those with the same
 * `name`. If no item between the ends has a name, items at the same position belong together.
 */
export function alignLists(before: readonly unknown[], after: readonly unknown[]): Match[] {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && isDeepStrictEqual(before[start], after[start])) start++
  let end = 0
  while (end < shorter - start && isDeepStrictEqual(before.at(-1 - end), after.at(-1 - end))) end++
  const matches: Match[] = []
  for (let index = 0; index < start; index++) matches.push({ before: index, after: index })
  matches.push(...alignMiddle(before, after, start, end))
  for (let index = end; index > 0; index--) {
    matches.push({ before: before.length - index, after: after.length - index })
  }
  return matches
}

function alignMiddle(
  before: readonly unknown[],
  after: readonly unknown[],
  start: number,
  end: number,
): Match[] {
  const names = before.slice(start, before.length - end).map(nameOf)
  const wanted = after.slice(start, after.length - end).map(nameOf)
  if (![...names, ...wanted].some((name) => name !== undefined)) {
    return names.slice(0, wanted.length).map((_, index) => ({ before: start + index, after: start + index }))
  }
  const matches: Match[] = []
  let next = 0
  for (const [index, name] of wanted.entries()) {
    const found = name === undefined ? -1 : names.indexOf(name, next)
    if (found === -1) continue
    matches.push({ before: start + found, after: start + index })
    next = found + 1
  }
  return matches
}

const nameOf = (item: unknown): unknown =>
  typeof item === 'object' && item !== null ? (item as { name?: unknown }).name : undefined
