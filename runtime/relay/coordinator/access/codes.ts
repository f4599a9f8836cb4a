import { randomBytes } from 'node:crypto'
import type { DeployedSession } from '@branchline/wire/circuits/table'
import type { Store, Tx } from '../store/store.ts'
import { isValid } from './expiry.ts'
import { hashOf } from './tokens.ts'

/** How long a one-time code is valid. */
export const CODE_MS = 60_000
/** How long a session is valid. */
export const SESSION_MS = 12 * 3_600_000

/** Whom a code is for, and where. */
export interface CodeFor {
  readonly circuitId: string
  /** The authority that the browser has opened. */
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
  const code = randomBytes(32).toString('base64url')
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

/** The session that a code has become, or why it has not. */
export type Redeemed = { readonly session: DeployedSession } | { readonly refusal: string }

/**
 * Exchanges a one-time code for a session. `hash` is the SHA-256 of the cookie's value, which only the worker and the
 * browser know. A code works once: a wrong host uses it up as well.
 */
export async function redeem(
  store: Store,
  code: string,
  host: string,
  hash: string,
  nowMs: number = Date.now(),
): Promise<Redeemed> {
  const { value } = await store.change({ actor: 'relay' }, async (change): Promise<Redeemed> => {
    const { tx } = change
    const row = await tx
      .updateTable('codes')
      .set({ used_at: new Date(nowMs) })
      .where('hash', '=', hashOf(code))
      .where('used_at', 'is', null)
      .returningAll()
      .executeTakeFirst()
    const fresh = row !== undefined && row.expires_at.getTime() > nowMs && row.host === host.toLowerCase()
    const endMs = fresh ? await holderEndMs(tx, row.holder, nowMs) : undefined
    if (row === undefined || endMs === undefined) {
      change.unchanged()
      return { refusal: 'The code is not valid (any more): open the link again.' }
    }
    const expiresAtMs = Math.min(nowMs + SESSION_MS, endMs)
    const { circuit_id: circuit, holder } = row
    await tx
      .insertInto('sessions')
      .values({ hash, circuit_id: circuit, holder, expires_at: new Date(expiresAtMs) })
      .execute()
    change.audit({ action: 'session.create', kind: 'session', id: circuit, after: { holder } })
    return { session: { hash, circuit, holder, expiresAtMs } }
  })
  return value
}

/** When the right of a holder ends, in milliseconds since the epoch. Undefined if it has ended. */
async function holderEndMs(tx: Tx, holder: string, nowMs: number): Promise<number | undefined> {
  const [kind, id = ''] = holder.split(':', 2)
  const row = await tx
    .selectFrom(kind === 'key' ? 'api_keys' : 'access_tokens')
    .select(['revoked_at', 'expires_at'])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || !isValid(row, nowMs)) return undefined
  return row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY
}
