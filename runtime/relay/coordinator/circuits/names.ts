import { createHash } from 'node:crypto'
import { domainToASCII } from 'node:url'
import { MAX_LABEL_LENGTH } from '@branchline/wire/host-label'

const HASH_DIGITS = 8
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
/** All dots of IDNA (UTS 46, 4.5): each of them ends a label. */
const DOT = /[.\u3002\uff0e\uff61]/
/** ASCII characters that a host name cannot contain. A URL parser would decode or drop some of them. */
const FOREIGN = /[^A-Za-z0-9\u0080-\u{10ffff}-]/u
/** Makes the parser read a label of digits as a name, not as an IPv4 address. */
const SUFFIX = '.invalid'

/** A host label, or why the text cannot be one. */
export type LabelResult = { readonly label: string } | { readonly fault: string }

/**
 * Returns the host label that a text means: NFC, punycode (UTS 46), lower case. A label of more than 63 bytes is cut
 * and ends in a hash of the whole. Texts with dots and characters that host names cannot contain have none.
 */
export function normaliseLabel(text: string): LabelResult {
  const composed = text.normalize('NFC')
  if (DOT.test(composed)) return { fault: 'a label has no dots: use hosts for complete host names' }
  if (FOREIGN.test(composed)) return { fault: 'a label has only letters, digits and hyphens' }
  const ascii = domainToASCII(composed + SUFFIX)
  const whole = ascii.slice(0, -SUFFIX.length)
  if (ascii === '' || whole === '' || DOT.test(whole)) return { fault: 'not a valid host label (IDNA)' }
  const label = whole.length <= MAX_LABEL_LENGTH ? whole : shortened(whole)
  if (!LABEL.test(label)) return { fault: 'a label starts and ends with a letter or a digit' }
  return { label }
}

/** Returns the label of a circuit whose client names none. Two keys have the same one only if their hashes are equal. */
export function defaultLabel(key: string): string {
  const slug = key
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  return slug === key && slug.length <= MAX_LABEL_LENGTH ? slug : withHash(slug, key)
}

/**
 * Returns the label of a circuit if another circuit has its label: the label, then a hash of the key. The same key
 * gets the same label each time. `digits` makes the hash longer if that one is in use as well.
 */
export const labelOnCollision = (label: string, key: string, digits = HASH_DIGITS): string =>
  withHash(label.startsWith('xn--') ? 'c' : label, key, digits)

/** Hash lengths to try, in their order. All of the last one is a SHA-256 cut to 128 bits. */
export const COLLISION_DIGITS = [HASH_DIGITS, 16, 32] as const

// A part of a punycode label is not punycode, so that only the hash remains of one.
const shortened = (whole: string): string => withHash(whole.startsWith('xn--') ? 'c' : whole, whole)

function withHash(label: string, of: string, digits = HASH_DIGITS): string {
  const hash = createHash('sha256').update(of).digest('hex').slice(0, digits)
  const start = label.slice(0, MAX_LABEL_LENGTH - digits - 1).replace(/-+$/, '')
  return start === '' ? `c-${hash}` : `${start}-${hash}`
}
