import { z } from 'zod'
import { instant } from './fields.ts'

export const live = z.object({ status: z.literal('ok') })

/** A part on which the coordinator depends, and what it reports. */
export const dependency = z.object({
  name: z.string(),
  status: z.enum(['ok', 'degraded', 'down']),
  detail: z.string().optional().describe('What the dependency reports, as a sentence.'),
  since: instant.optional(),
})
export type Dependency = z.infer<typeof dependency>

export const health = z.object({
  status: z.enum(['ok', 'degraded', 'down']).describe('The worst status of the dependencies.'),
  dependencies: z.array(dependency),
})
export type Health = z.infer<typeof health>

/** Circuits and workers by status, for dashboards. */
export const statistics = z.object({
  circuits: z.object({
    total: z.int(),
    byStatus: z.object({ PENDING: z.int(), HEALTHY: z.int(), UNHEALTHY: z.int() }),
    byFrontend: z.object({ subdomain: z.int(), port: z.int() }),
    byGroup: z.record(z.string(), z.int()),
  }),
  targets: z.int(),
  requests: z.int().describe('Requests and TCP connections of all these circuits so far.'),
})
export type Statistics = z.infer<typeof statistics>

/** Targets for Prometheus (`http_sd_config`). */
export const discovery = z.array(
  z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }),
)
