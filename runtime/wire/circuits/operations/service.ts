import { z } from 'zod'
import { event } from '../audit.ts'
import { discovery, health, live } from '../health.ts'
import type { Operation } from './operation.ts'

/** Health, events, service discovery and the description of the API. */
export const SERVICE_OPERATIONS = {
  getLive: {
    method: 'GET',
    path: '/health/live',
    tag: 'Health',
    summary: 'Whether the process runs',
    needs: 'none',
    status: 200,
    response: live,
  },
  getReady: {
    method: 'GET',
    path: '/health/ready',
    tag: 'Health',
    summary: 'Whether the coordinator can serve changes. 503 if not',
    needs: 'none',
    status: 200,
    response: live,
  },
  getHealth: {
    method: 'GET',
    path: '/health/status',
    tag: 'Health',
    summary: 'What each dependency reports',
    needs: 'any',
    status: 200,
    response: health,
  },
  discover: {
    method: 'GET',
    path: '/sd',
    tag: 'Observability',
    summary: 'Service discovery for Prometheus (http_sd_config)',
    needs: 'metrics:read',
    status: 200,
    response: discovery,
  },
  watchEvents: {
    method: 'GET',
    path: '/api/v1/events',
    tag: 'Audit',
    summary: 'Stream of changes (server-sent events). Last-Event-ID continues a stream',
    needs: 'audit:read',
    query: z.strictObject({
      after: z.int().min(0).optional().describe('Like Last-Event-ID. Default: only new events.'),
    }),
    status: 200,
    response: event,
    format: 'event-stream',
  },
  getOpenApi: {
    method: 'GET',
    path: '/api/v1/openapi.json',
    tag: 'Description',
    summary: 'This API as OpenAPI 3.1',
    needs: 'none',
    status: 200,
    response: z.record(z.string(), z.unknown()),
  },
  getDescription: {
    method: 'GET',
    path: '/api/v1',
    tag: 'Description',
    summary: 'This API as a page',
    needs: 'none',
    status: 200,
    format: 'html',
  },
} as const satisfies Record<string, Operation>
