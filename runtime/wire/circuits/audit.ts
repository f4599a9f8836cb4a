import { z } from 'zod'
import { CIRCUIT_STATUSES } from './circuit.ts'
import { instant } from './fields.ts'

const snapshot = z.record(z.string(), z.unknown()).optional()

/** One change, and who made it. Entries are never changed. */
export const auditEntry = z.object({
  id: z.int(),
  at: instant,
  epoch: z.int().describe('Epoch of the change.'),
  actor: z.string().describe('`key:<id>`, `cluster:<credential>/<name>`, `worker:<id>` or `relay`.'),
  action: z.string().describe('Such as `circuit.create`.'),
  kind: z.string(),
  object: z.string().describe('Id or key of the changed object.'),
  before: snapshot,
  after: snapshot,
  requestId: z.string().optional(),
})
export type AuditEntry = z.infer<typeof auditEntry>

/**
 * An event of the stream `/api/v1/events`: an audit entry without the values, or a circuit's new status
 * (`circuit.status`), which is in no log. `id` is the Last-Event-ID: for a status, that of the entry before it.
 */
export const event = auditEntry.omit({ before: true, after: true }).extend({
  status: z
    .enum(CIRCUIT_STATUSES)
    .optional()
    .describe('New status of a circuit. With the action `circuit.status` alone.'),
  statusReason: z.string().optional(),
})
export type Event = z.infer<typeof event>
