import { StoreError } from '../store/errors.ts'
import type { Tx } from '../store/store.ts'

/**
 * Lets a transaction go on only while this term is the newest one: a leader that was paused while another one took over
 * writes nothing. Until the transaction ends, no other coordinator can begin to lead. Rejects with BL_RELAY_TERM.
 */
export async function requireTerm(tx: Tx, term: number): Promise<void> {
  const relay = await tx.selectFrom('relay').select('term').forShare().executeTakeFirstOrThrow()
  if (relay.term === term) return
  throw new StoreError(
    'BL_RELAY_TERM',
    `This coordinator led in term ${term}, and another one leads in term ${relay.term}: nothing was changed`,
  )
}
