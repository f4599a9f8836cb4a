import Negotiator from 'negotiator'

/**
 * Returns the media type that a client prefers among those that exist (RFC 9110, 12.5.1). The first one wins if the
 * client prefers several equally, has no preference, or accepts none of them.
 */
export function preferredType(accept: string | undefined, types: readonly [string, ...string[]]): string {
  const [first] = types
  if (accept === undefined) return first
  return new Negotiator({ headers: { accept } }).mediaType([...types]) ?? first
}
