import type { Transaction } from 'kysely'
import type { Tables } from './tables.ts'

/** Who makes a change, and in which request. */
export interface Actor {
  /** Such as `key:<id>`, `worker:<id>`, `cluster:<credential>/<name>` or `system`. */
  readonly actor: string
  readonly requestId?: string
}

/** One line of the audit log. */
export interface AuditEntry {
  /** Such as `circuit.create`. */
  readonly action: string
  readonly kind: string
  readonly id: string
  /** JSON values. Fields that may hold secrets are replaced. */
  readonly before?: unknown
  readonly after?: unknown
}

/** Names of fields whose values are credentials, or hashes of them. */
const SECRET = /hash|secret|password|authorization|cookie|^token$|_token$|Token$|^credential$/i
const HIDDEN = '(hidden)'

/** Writes entries of one change. */
export async function writeAudit(
  tx: Transaction<Tables>,
  { actor, requestId }: Actor,
  epoch: number,
  entries: readonly AuditEntry[],
): Promise<void> {
  if (entries.length === 0) return
  const rows = entries.map(({ action, kind, id, before, after }) => ({
    epoch,
    actor,
    action,
    object_kind: kind,
    object_id: id,
    before: before === undefined ? null : JSON.stringify(before, hideSecrets),
    after: after === undefined ? null : JSON.stringify(after, hideSecrets),
    request_id: requestId ?? null,
  }))
  await tx.insertInto('audit').values(rows).execute()
}

/** The name of a credential, such as in the owner of a circuit, is no secret. Its value is a text without spaces. */
function hideSecrets(this: unknown, key: string, value: unknown): unknown {
  return typeof value === 'string' && SECRET.test(key) && !isOwner(this) ? HIDDEN : value
}

const isOwner = (holder: unknown): boolean =>
  typeof holder === 'object' && holder !== null && 'type' in holder && holder.type === 'cluster'
