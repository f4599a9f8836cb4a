import type { EtcdClient, Message } from './client.ts'
import { encode } from './range.ts'

/** Sets a key, or deletes it (no value). */
export interface Write {
  readonly key: string
  readonly value?: string
  readonly lease?: string
}

/** What must hold for a transaction: a key has a value, or was last set by a revision (0: does not exist). */
export type Condition =
  | { readonly key: string; readonly value: string }
  | { readonly key: string; readonly revision: number }

/**
 * Writes all or nothing. Resolves with whether the condition held. Rejects with an EtcdError; then the outcome may be
 * unknown.
 */
export async function transact(
  client: EtcdClient,
  condition: Condition,
  writes: readonly Write[],
  signal?: AbortSignal,
): Promise<boolean> {
  const answer = await client.call(
    'kv/txn',
    { compare: [compareOf(condition)], success: writes.map(requestOf) },
    signal,
  )
  return answer['succeeded'] === true
}

function compareOf(condition: Condition): Message {
  const key = encode(condition.key)
  return 'value' in condition
    ? { key, target: 'VALUE', result: 'EQUAL', value: encode(condition.value) }
    : { key, target: 'MOD', result: 'EQUAL', mod_revision: String(condition.revision) }
}

const requestOf = ({ key, value, lease }: Write): Message =>
  value === undefined
    ? { request_delete_range: { key: encode(key) } }
    : { request_put: { key: encode(key), value: encode(value), ...(lease !== undefined && { lease }) } }
