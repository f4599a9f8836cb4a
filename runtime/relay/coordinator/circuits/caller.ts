import type { Scope } from '@branchline/wire/circuits/credential'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Actor } from '../store/audit.ts'
import { ownerOf, type CircuitRow } from './rows.ts'

/** Who calls the API: the holder of an API key. */
export interface Caller {
  readonly keyId: string
  readonly scopes: readonly Scope[]
  readonly requestId?: string
}

/** Whether a caller has a scope. `admin` includes all others. */
export const hasScope = ({ scopes }: Caller, scope: Scope): boolean =>
  scopes.includes(scope) || scopes.includes('admin')

/**
 * Whether a caller sees and may change a circuit: its own ones, and an admin all. Circuits that a cluster has registered
 * belong to the cluster.
 */
export function owns(caller: Caller, row: Pick<CircuitRow, 'owner'>): boolean {
  if (caller.scopes.includes('admin')) return true
  const owner = ownerOf(row)
  return owner.type === 'key' && owner.id === caller.keyId
}

/** A circuit that a caller may not see does not exist for it. */
export const noCircuit = (key: string): Error =>
  refusal('not-found', {
    detail: `No circuit of yours has the key ${JSON.stringify(key)}.`,
    remedy: 'List your circuits with GET /api/v1/circuits.',
  })

/** The caller in the audit log. */
export const actorOf = ({ keyId, requestId }: Caller): Actor => ({
  actor: `key:${keyId}`,
  ...(requestId === undefined ? {} : { requestId }),
})
