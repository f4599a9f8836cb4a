import { isKey } from './key.ts'
import { isOurs } from './list-member.ts'
import { TRACE_VENDOR } from './names.ts'

/** W3C Baggage, 3.3.2: at least 64 list-members and 8,192 bytes are to be propagated. */
export const MAX_BAGGAGE_MEMBERS = 64
export const MAX_BAGGAGE_LENGTH = 8192

/**
 * The routing key of a `baggage` field value (W3C Baggage, 3.2), or undefined: the first member that has our name
 * ({@link isOurs}) and a key as its value. White space around `=` and properties behind `;` are allowed there.
 */
export function readBaggageKey(baggage: string): string | undefined {
  if (!baggage.includes(TRACE_VENDOR) && !baggage.includes('%')) return undefined
  for (const member of baggage.split(',')) {
    if (!isOurs(member)) continue
    const value = (member.slice(member.indexOf('=') + 1).split(';', 1)[0] as string).trim()
    if (isKey(value)) return value
  }
  return undefined
}

/**
 * The field value without the members that have our name ({@link isOurs}) and, where a key is given, ours at the left.
 * Others stay as they are and in order; past the limits, members go from the right. Returns an empty string
 * where nothing is left.
 */
export function writeBaggageKey(baggage: string, key: string | undefined): string {
  const members = baggage
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '' && !isOurs(member))
  if (key !== undefined) members.unshift(`${TRACE_VENDOR}=${key}`)
  while (members.length > MAX_BAGGAGE_MEMBERS) members.pop()
  let length = members.join(',').length
  while (length > MAX_BAGGAGE_LENGTH && members.length > 0) length -= (members.pop() as string).length + 1
  return members.join(',')
}
