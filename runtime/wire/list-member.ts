import { TRACE_VENDOR } from './names.ts'

/**
 * Reports whether a list-member of `baggage` or `tracestate` has our name, or would have it after a library reads it.
 * Libraries decode percent-encoded names (some repeatedly, or the whole field), trim any white space, and ignore case.
 * So the name is decoded, lower-cased, and stripped of characters that our name does not contain. The relay removes
 * members by this rule and sidecars read members by it, so that no reader accepts a member that the relay leaves.
 */
export function isOurs(member: string): boolean {
  if (!member.includes('%')) return nameOf(member) === TRACE_VENDOR
  return decoded(member)
    .split(',')
    .some((part) => nameOf(part) === TRACE_VENDOR)
}

/** Returns the name before the first `=`, as {@link isOurs} compares it, or an empty string if there is no `=`. */
function nameOf(member: string): string {
  const equals = member.indexOf('=')
  if (equals === -1) return ''
  const name = member.slice(0, equals)
  return name === TRACE_VENDOR ? name : name.toLowerCase().replaceAll(/[^a-z0-9_.@-]/g, '')
}

/** How often a text is decoded at most. A code with any number of `%25` before it counts as one encoding. */
const PASSES = 4

/** Decodes percent-encodings, including encodings of encodings. Invalid encodings stay. */
export function decoded(text: string): string {
  let before = text
  for (let pass = 0; pass < PASSES; pass++) {
    const after = before.replaceAll(/%(?:25)*([0-9a-f]{2})/gi, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16)),
    )
    if (after === before) break
    before = after
  }
  return before
}
