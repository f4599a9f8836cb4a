import { TRACE_VENDOR } from './names.ts'

/**
 * Whether a list-member of `baggage` or `tracestate` has our name, or has it once a library has read it. Libraries
 * decode percent-encoded names, some more than once or the whole field, trim white space of any kind, and compare in
 * any case. So the name is compared decoded, in lower case, and without characters that no name of ours has. The
 * relay removes by this rule, and sidecars read by it: no reader takes a member for ours that the relay leaves.
 */
export function isOurs(member: string): boolean {
  if (!member.includes('%')) return nameOf(member) === TRACE_VENDOR
  return decoded(member)
    .split(',')
    .some((part) => nameOf(part) === TRACE_VENDOR)
}

/** The name in front of the first `=`, as {@link isOurs} compares it; empty where there is none. */
function nameOf(member: string): string {
  const equals = member.indexOf('=')
  if (equals === -1) return ''
  const name = member.slice(0, equals)
  return name === TRACE_VENDOR ? name : name.toLowerCase().replaceAll(/[^a-z0-9_.@-]/g, '')
}

/** How often a text is decoded at most. `%25` in front of a code counts as one with it, however often it is there. */
const PASSES = 4

/** The text with its percent-encodings decoded, encodings of encodings too. Invalid ones stay. */
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
