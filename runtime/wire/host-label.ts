import { createHash } from 'node:crypto'

/** The longest label of a host name, in bytes (RFC 1035, 2.3.4). */
export const MAX_LABEL_LENGTH = 63
const HASH_DIGITS = 8

/**
 * Returns the leftmost label of a preview's host: `<preview>--<environment>`. A label of more than 63 bytes is cut and
 * ends in a hash of the whole, so that two long names never share a host. Labels are registered and looked up. No
 * code splits them into preview and environment.
 */
export function previewLabel(preview: string, environment: string): string {
  const label = `${preview}--${environment}`
  if (label.length <= MAX_LABEL_LENGTH) return label
  const hash = createHash('sha256').update(label).digest('hex').slice(0, HASH_DIGITS)
  return `${label.slice(0, MAX_LABEL_LENGTH - HASH_DIGITS - 1).replace(/-+$/, '')}-${hash}`
}
