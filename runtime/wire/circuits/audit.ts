import { z } from 'zod'
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

/** An event of the stream `/api/v1/events`: an audit entry without the values. `id` is the Last-Event-ID. */
export const event = auditEntry.omit({ before: true, after: true })
export type Event = z.infer<typeof event>
