import type { Store } from '../store/store.ts'
import { hashOf, newSecret } from '@branchline/wire/circuits/secret'

/** How long a one-time code is valid. */
export const CODE_MS = 60_000

/** Whom a code is for, and where. */
export interface CodeFor {
  readonly circuitId: string
  /** The host name that the browser has opened, without a port. */
  readonly host: string
  /** `token:<id>` or `key:<id>`. */
  readonly holder: string
}

/** Makes a one-time code, for one host. Only its hash is stored. */
export async function issueCode(
  store: Store,
  { circuitId, host, holder }: CodeFor,
  nowMs: number,
): Promise<string> {
  const code = newSecret()
  await store.write(async (tx) => {
    await tx.deleteFrom('codes').where('expires_at', '<', new Date(nowMs)).execute()
    await tx
      .insertInto('codes')
      .values({
        hash: hashOf(code),
        circuit_id: circuitId,
        host: host.toLowerCase(),
        holder,
        expires_at: new Date(nowMs + CODE_MS),
      })
      .execute()
  })
  return code
}
