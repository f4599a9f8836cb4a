import { z } from 'zod'

const spanId = z.string().regex(/^[0-9a-f]{16}$/)

/** What one sidecar did with a request that wanted to know. */
export const hop = z.object({
  /**
   * The parent id under which it sent the request on, and the one under which it came: that of the hop that led
   * to this one, where nobody in between has put another in its place, as tracers do.
   */
  id: spanId.optional(),
  parent: spanId.optional(),
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
