import { z } from 'zod'

const spanId = z.string().regex(/^[0-9a-f]{16}$/)

/** What one sidecar did with an explained request. */
export const hop = z.object({
  /**
   * The parent id that the sidecar sent, and the parent id that it received. The latter is the `id` of the previous hop,
   * unless something between them replaced it, as tracers do.
   */
  id: spanId.optional(),
  parent: spanId.optional(),
  /** The service whose sidecar received the request, and its environment. */
  service: z.string().max(253),
  at: z.string().max(253),
  /** The environment that the sidecar chose, and the reason. */
  environment: z.string().max(253),
  reason: z.string().max(32),
  /** The request's key and the place where the sidecar found it. Absent without a key. */
  key: z.string().max(63).optional(),
  source: z.string().max(32).optional(),
  /** The endpoints that the sidecar tried, in order. Only the last one can have responded. */
  endpoints: z.array(z.string().max(300)).max(16),
  /** The status of the response, or 0 if no endpoint responded. */
  status: z.number().int().min(0).max(999),
  /** Arrival of the request (milliseconds since 1970), and duration in milliseconds. */
  startMs: z.number(),
  ms: z.number(),
})
export type Hop = z.infer<typeof hop>

/** A trace id: 32 lower-case hexadecimal digits. */
export const traceId = z.string().regex(/^[0-9a-f]{32}$/)
