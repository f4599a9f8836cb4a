import type { Hop } from './routes/hop.ts'

export type { Hop }

/**
 * The header that asks which versions served a request. The value `1` asks. Each sidecar appends its decision, and the
 * last sidecar of an exchange returns all of them in the response header of the same name, as a list of strings with
 * parameters (RFC 9651). The value `hops=<trace id>` asks for the hops of an earlier request instead.
 */
export const EXPLAIN_HEADER = 'x-branchline-route'
/** The largest value of that header that a sidecar forwards, in characters. */
export const MAX_EXPLAIN_LENGTH = 2_048

/** Returns the trace id whose hops a request asks for, or undefined. */
export function requestedTrace(value: string): string | undefined {
  return /^hops=([0-9a-f]{32})$/.exec(value)?.[1]
}

/** Formats a hop as an item of the header's list. Omits characters that a string of RFC 9651 cannot contain. */
export function formatHop(
  hop: Pick<Hop, 'service' | 'at' | 'environment' | 'reason'>,
  endpoint: string,
): string {
  const { service, at, environment, reason } = hop
  return `${text(service)};at=${text(at)};to=${text(environment)};endpoint=${text(endpoint)};reason=${text(reason)}`
}

const text = (value: string): string => `"${value.replaceAll(/[^\x20-\x7e]|["\\]/g, '')}"`
