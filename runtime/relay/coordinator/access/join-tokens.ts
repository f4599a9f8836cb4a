import type { Selectable } from 'kysely'
import { DEFAULT_GROUP } from '@branchline/wire/circuits/circuit'
import type { CreatedJoinToken, JoinToken, JoinTokenCreate } from '@branchline/wire/circuits/credential'
import { refusal } from '@branchline/wire/circuits/problem'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import { actorOf, type Caller } from '../circuits/caller.ts'
import type { Store } from '../store/store.ts'
import type { JoinTokenTable } from '../store/tables.ts'
import { expiryOf } from './expiry.ts'
import { type Page, pageOf, type PageQuery } from './paging.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { newToken } from './tokens.ts'

const DEFAULT_VALIDITY_MS = 86_400_000

type TokenRow = Selectable<JoinTokenTable>

/** Creates a join token of a group. */
export async function createJoinToken(
  store: Store,
  caller: Caller,
  create: JoinTokenCreate,
): Promise<CreatedJoinToken> {
  const { name, group = DEFAULT_GROUP, maxUses } = create
  const expires = expiryOf(create.expiresIn, DEFAULT_VALIDITY_MS, Date.now())
  const secret = newToken(TOKEN_PREFIX.join)
  const { value } = await store.change(actorOf(caller), async ({ tx, audit }) => {
    const known = await tx
      .selectFrom('worker_groups')
      .select('name')
      .where('name', '=', group)
      .executeTakeFirst()
    if (known === undefined) {
      const detail = `there is no worker group named ${group}`
      throw refusal('invalid-fields', { errors: [{ pointer: '/group', detail }] })
    }
    const row = await tx
      .insertInto('join_tokens')
      .values({
        name,
        hash: hashOf(secret),
        worker_group: group,
        max_uses: maxUses ?? null,
        expires_at: expires,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    audit({ action: 'join-token.create', kind: 'join_token', id: row.id, after: { name, group, maxUses } })
    return row
  })
  return { ...toToken(value), secret }
}

/** Whether there is a join token that has not been revoked. It may have expired, or be used up. */
export async function isJoinToken(store: Store, token: string): Promise<boolean> {
  const row = await store.read((db) =>
    db
      .selectFrom('join_tokens')
      .select('id')
      .where('hash', '=', hashOf(token))
      .where('revoked_at', 'is', null)
      .executeTakeFirst(),
  )
  return row !== undefined
}

/** Lists join tokens by their age. */
export const listJoinTokens = (store: Store, query: PageQuery): Promise<Page<JoinToken>> =>
  pageOf(
    store,
    (db) => db.selectFrom('join_tokens').selectAll() as never,
    query,
    (row: TokenRow) => toToken(row),
  )

/** Revokes a join token. */
export async function revokeJoinToken(store: Store, caller: Caller, id: string): Promise<void> {
  await store.change(actorOf(caller), async (change) => {
    const row = await change.tx.selectFrom('join_tokens').selectAll().where('id', '=', id).executeTakeFirst()
    if (row === undefined) throw refusal('not-found', { detail: `There is no join token with the id ${id}.` })
    if (row.revoked_at !== null) return change.unchanged()
    await change.tx.updateTable('join_tokens').set({ revoked_at: new Date() }).where('id', '=', id).execute()
    change.audit({ action: 'join-token.revoke', kind: 'join_token', id })
  })
}

function toToken(row: TokenRow): JoinToken {
  return {
    id: row.id,
    name: row.name,
    group: row.worker_group,
    uses: row.uses,
    ...(row.max_uses === null ? {} : { maxUses: row.max_uses }),
    createdAt: row.created_at.toISOString(),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.toISOString() }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at.toISOString() }),
  }
}
