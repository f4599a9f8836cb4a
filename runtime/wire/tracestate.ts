import { isKey } from './key.ts'
import { isOurs } from './list-member.ts'
import { TRACE_VENDOR } from './names.ts'

/** W3C Trace Context, 3.3.1.1: at most 32 list-members. */
export const MAX_TRACESTATE_MEMBERS = 32
/** W3C Trace Context, 3.3.1.5: vendors should propagate at least 512 characters, and may cut longer values. */
export const MAX_TRACESTATE_LENGTH = 512

const OURS = `${TRACE_VENDOR}=`

/**
 * Returns the routing key in a `tracestate` field value (W3C Trace Context, 3.3), or undefined. The caller joins several
 * fields of one request with commas (RFC 9110, 5.3). The first valid entry of ours counts. Entries of other vendors are
 * not validated, so that their mistakes do not lose our key.
 */
export function readTracestateKey(tracestate: string): string | undefined {
  let from = tracestate.indexOf(OURS)
  while (from !== -1) {
    if (startsMember(tracestate, from)) {
      const comma = tracestate.indexOf(',', from)
      const value = tracestate.slice(from + OURS.length, comma === -1 ? undefined : comma).trimEnd()
      if (isKey(value)) return value
    }
    from = tracestate.indexOf(OURS, from + OURS.length)
  }
  return undefined
}

function startsMember(list: string, at: number): boolean {
  let before = at - 1
  while (before >= 0 && (list[before] === ' ' || list[before] === '\t')) before--
  return before < 0 || list[before] === ','
}

/**
 * Returns the field value without the entries that have our name ({@link isOurs}), and with our entry at the left if a
 * key is given. W3C Trace Context 3.5 requires that position for a modified entry. Other entries keep their text and
 * their order. Above 32 members or 512 characters, whole entries are removed from the right, entries of more than 128
 * characters first (3.3.1.5). Returns an empty string if no entry remains.
 */
export function writeTracestateKey(tracestate: string, key: string | undefined): string {
  const members = tracestate
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '' && !isOurs(member))
  if (key !== undefined) members.unshift(OURS + key)
  const ours = key === undefined ? 0 : 1
  while (members.length > MAX_TRACESTATE_MEMBERS) members.pop()
  while (members.length > ours && members.join(',').length > MAX_TRACESTATE_LENGTH) {
    const long = members.findLastIndex((member, index) => index >= ours && member.length > 128)
    members.splice(long === -1 ? members.length - 1 : long, 1)
  }
  return members.join(',')
}
