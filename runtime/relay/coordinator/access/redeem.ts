import type { DeployedSession } from '@branchline/wire/circuits/table'
import type { CircuitContext } from '../circuits/context.ts'
import { loadCircuits } from '../circuits/load.ts'
import type { Change, Tx } from '../store/store.ts'
import { isValid } from './expiry.ts'
import { findRight, isToken, opens } from './rights.ts'
import { hashOf } from '@branchline/wire/circuits/secret'

/** How long a session is valid. */
export const SESSION_MS = 12 * 3_600_000

/**
 * The most sessions of one holder at one circuit. The oldest end, so that a loop which opens a link with a token does not
 * fill the table of every worker.
 */
export const HOLDER_SESSIONS = 1_000

/** The session that a code has become, or why it has not. */
export type Redeemed = { readonly session: DeployedSession } | { readonly refusal: string }

/** Who gets a session, where, and until when at most. */
interface Grant {
  readonly circuit: string
  readonly holder: string
  readonly endMs: number
}

/**
 * Exchanges a one-time code, or an access token or API key that a link carries, for a session. `hash` is the SHA-256 of
 * the cookie's value, which only the worker and the browser know. `host` is the name that the browser has opened. A
 * code works once: a wrong host uses it up as well.
 */
export async function redeem(
  context: CircuitContext,
  code: string,
  host: string,
  hash: string,
  nowMs: number = Date.now(),
): Promise<Redeemed> {
  const { value } = await context.store.change({ actor: 'relay' }, async (change): Promise<Redeemed> => {
    const name = host.toLowerCase()
    const grant = isToken(code)
      ? await grantOfToken(change.tx, context, code, name, nowMs)
      : await grantOfCode(change.tx, code, name, nowMs)
    if (grant !== undefined) return { session: await addSession(change, grant, hash, nowMs) }
    change.unchanged()
    return { refusal: 'The link is not valid (any more): open the address again.' }
  })
  return value
}

async function addSession(
  { tx, audit }: Change,
  { circuit, holder, endMs }: Grant,
  hash: string,
  nowMs: number,
): Promise<DeployedSession> {
  const expiresAtMs = Math.min(nowMs + SESSION_MS, endMs)
  await endOldest(tx, circuit, holder)
  await tx
    .insertInto('sessions')
    .values({ hash, circuit_id: circuit, holder, expires_at: new Date(expiresAtMs) })
    .execute()
  audit({ action: 'session.create', kind: 'session', id: circuit, after: { holder } })
  return { hash, circuit, holder, expiresAtMs }
}

/** Makes room for one session. */
async function endOldest(tx: Tx, circuit: string, holder: string): Promise<void> {
  const oldest = await tx
    .selectFrom('sessions')
    .select('hash')
    .where('circuit_id', '=', circuit)
    .where('holder', '=', holder)
    .orderBy('created_at', 'desc')
    .orderBy('expires_at', 'desc')
    .offset(HOLDER_SESSIONS - 1)
    .execute()
  if (oldest.length === 0) return
  const hashes = oldest.map(({ hash }) => hash)
  await tx.deleteFrom('sessions').where('hash', 'in', hashes).execute()
}

async function grantOfCode(tx: Tx, code: string, host: string, nowMs: number): Promise<Grant | undefined> {
  const row = await tx
    .updateTable('codes')
    .set({ used_at: new Date(nowMs) })
    .where('hash', '=', hashOf(code))
    .where('used_at', 'is', null)
    .returningAll()
    .executeTakeFirst()
  if (row === undefined || row.expires_at.getTime() <= nowMs || row.host !== host) return undefined
  const endMs = await holderEndMs(tx, row.holder, nowMs)
  return endMs === undefined ? undefined : { circuit: row.circuit_id, holder: row.holder, endMs }
}

async function grantOfToken(
  tx: Tx,
  { domain }: CircuitContext,
  token: string,
  host: string,
  nowMs: number,
): Promise<Grant | undefined> {
  const right = await findRight(tx, token, nowMs)
  if (right === undefined) return undefined
  const label = host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : undefined
  const [circuit] = await loadCircuits(tx, (query) =>
    label === undefined
      ? query.innerJoin('hosts', 'hosts.circuit_id', 'circuits.id').where('hosts.host', '=', host)
      : query.where('circuits.host_label', '=', label),
  )
  if (circuit === undefined || !opens(right, circuit)) return undefined
  return { circuit: circuit.row.id, holder: right.holder, endMs: right.expiresAtMs }
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
