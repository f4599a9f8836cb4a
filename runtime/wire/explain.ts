import type { Hop } from './routes/hop.ts'

export type { Hop }

/**
 * A request that has it wants to know its way. `1` asks; sidecars put what they decided behind it, so that the
 * last one of an exchange can answer with all of it in the response's field of the same name: a list of
 * strings with parameters (RFC 9651). `hops=<trace id>` asks for the hops of an earlier request instead.
 */
export const EXPLAIN_HEADER = 'x-branchline-route'
/** The most characters of that field that are passed on. */
export const MAX_EXPLAIN_LENGTH = 2_048

/** The trace id for whose hops a request asks, or undefined. */
export function askedHops(value: string): string | undefined {
  return /^hops=([0-9a-f]{32})$/.exec(value)?.[1]
}

/** A hop as an item of the field's list. What no string of RFC 9651 may hold is left out. */
export function formatHop(
  hop: Pick<Hop, 'service' | 'at' | 'environment' | 'reason'>,
  endpoint: string,
): string {
  const { service, at, environment, reason } = hop
  return `${text(service)};at=${text(at)};to=${text(environment)};endpoint=${text(endpoint)};reason=${text(reason)}`
}

const text = (value: string): string => `"${value.replaceAll(/[^\x20-\x7e]|["\\]/g, '')}"`
