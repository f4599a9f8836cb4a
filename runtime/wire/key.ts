/** The longest routing key, in characters. It is the limit of a DNS label (RFC 1123), so that a name can be a key. */
export const MAX_KEY_LENGTH = 63

const KEY = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/

/**
 * Reports whether a value is a valid routing key: a DNS label of RFC 1123 (lower-case letters, digits and inner
 * hyphens, at most 63 characters). A key needs no escaping in `tracestate`, `baggage`, a header or a URL.
 */
export function isKey(value: string): boolean {
  return value.length <= MAX_KEY_LENGTH && KEY.test(value)
}
