import { z } from 'zod'

/**
 * A request that has it wants to know its way. `1` asks; sidecars put what they decided behind it, so that the
 * last one of an exchange can answer with all of it in the response's field of the same name: a list of
 * strings with parameters (RFC 9651). `hops=<trace id>` asks for the hops of an earlier request instead.
 */
export const EXPLAIN_HEADER = 'x-branchline-route'
/** The most characters of that field that are passed on. */
export const MAX_EXPLAIN_LENGTH = 2_048

/** What one sidecar did with a request that wanted to know. */
export const hop = z.object({
  /** The service at whose sidecar the request arrived, and the environment of that. */
  service: z.string().max(253),
  at: z.string().max(253),
  /** The environment that was to serve it, and why. */
  environment: z.string().max(253),
  reason: z.string().max(32),
  /** The request's key and where it was found, where it had one. */
  key: z.string().max(63).optional(),
  source: z.string().max(32).optional(),
  /** Who was asked, in order; the last one answered, or was the last that did not. */
  endpoints: z.array(z.string().max(300)).max(16),
  /** 0 where nobody answered. */
  status: z.number().int().min(0).max(999),
  /** When it came (milliseconds since 1970) and how long it took. */
  startMs: z.number(),
  ms: z.number(),
})
export type Hop = z.infer<typeof hop>

/** A trace id, as hops are asked for. */
export const traceId = z.string().regex(/^[0-9a-f]{32}$/)

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
