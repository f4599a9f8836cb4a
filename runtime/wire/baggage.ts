import { isKey } from './key.ts'
import { isOurs } from './list-member.ts'
import { TRACE_VENDOR } from './names.ts'

/** W3C Baggage, 3.3.2: platforms must propagate at least 64 list-members and 8,192 bytes. */
export const MAX_BAGGAGE_MEMBERS = 64
export const MAX_BAGGAGE_LENGTH = 8192

/**
 * Returns the routing key in a `baggage` field value (W3C Baggage, 3.2), or undefined. The key is the value of the
 * first member that has our name ({@link isOurs}) and a valid key. White space around `=` and properties after `;` are
 * allowed.
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
 * Returns the field value without the members that have our name ({@link isOurs}), and with our member at the left if
 * a key is given. Other members keep their text and their order. Above the limits, members are removed from the right.
 * Returns an empty string if no member remains.
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
