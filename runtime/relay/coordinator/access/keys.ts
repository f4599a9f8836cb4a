import type { Selectable } from 'kysely'
import type { ApiKey, ApiKeyCreate, CreatedApiKey, Scope } from '@branchline/wire/circuits/credential'
import { refusal } from '@branchline/wire/circuits/problem'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import { actorOf, type Caller } from '../circuits/caller.ts'
import type { Actor } from '../store/audit.ts'
import type { Store, Tx } from '../store/store.ts'
import type { ApiKeyTable } from '../store/tables.ts'
import { expiryOf, isValid } from './expiry.ts'
import { type Page, pageOf, type PageQuery } from './paging.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { newToken, shownPrefix } from './tokens.ts'

const DEFAULT_VALIDITY_MS = 90 * 86_400_000
/** Shortest time between two updates of the last use. */
const USE_MS = 60_000

type KeyRow = Selectable<ApiKeyTable>

/** Returns the holder of an API key, undefined if it is not valid. Asks the database each time: revocation is at once. */
export async function findCaller(store: Store, token: string, nowMs: number): Promise<CallerKey | undefined> {
  if (!token.startsWith(TOKEN_PREFIX.key)) return undefined
  const row = await store.read((db) =>
    db.selectFrom('api_keys').selectAll().where('hash', '=', hashOf(token)).executeTakeFirst(),
  )
  if (row === undefined || !isValid(row, nowMs)) return undefined
  const usedMs = row.last_used_at?.getTime() ?? 0
  if (nowMs - usedMs > USE_MS) {
    await store.write((tx) =>
      tx
        .updateTable('api_keys')
        .set({ last_used_at: new Date(nowMs) })
        .where('id', '=', row.id)
        .execute(),
    )
  }
  return { keyId: row.id, name: row.name, scopes: row.scopes as Scope[] }
}

/** The holder of an API key. */
export interface CallerKey extends Caller {
  readonly name: string
}

/**
 * Creates the owner's key, with all scopes and without an end, if there is no key yet. Returns its secret, which cannot
 * be read again. Of several coordinators that start at once, one gets it.
 */
export async function createOwnerKey(store: Store): Promise<string | undefined> {
  const { value } = await store.change({ actor: 'relay' }, async (change) => {
    const known = await change.tx.selectFrom('api_keys').select('id').limit(1).executeTakeFirst()
    if (known !== undefined) {
      change.unchanged()
      return undefined
    }
    const secret = newToken(TOKEN_PREFIX.key)
    const { id } = await insert(change.tx, { name: 'owner', scopes: ['admin'] }, secret, null, 'relay')
    change.audit({ action: 'key.create', kind: 'api_key', id, after: { name: 'owner', scopes: ['admin'] } })
    return secret
  })
  return value
}

/** Creates an API key. */
export const createKey = (store: Store, caller: Caller, create: ApiKeyCreate): Promise<CreatedApiKey> =>
  makeKey(store, actorOf(caller), create)

/** Creates an API key for someone who has access to the database, and needs no other key therefore. */
export const createKeyAtDatabase = (store: Store, create: ApiKeyCreate): Promise<CreatedApiKey> =>
  makeKey(store, { actor: 'database' }, create)

async function makeKey(store: Store, actor: Actor, create: ApiKeyCreate): Promise<CreatedApiKey> {
  const expires = expiryOf(create.expiresIn, DEFAULT_VALIDITY_MS, Date.now())
  const secret = newToken(TOKEN_PREFIX.key)
  const { value } = await store.change(actor, async ({ tx, audit }) => {
    const row = await insert(tx, create, secret, expires, actor.actor)
    audit({ action: 'key.create', kind: 'api_key', id: row.id, after: toKey(row) })
    return row
  })
  return { ...toKey(value), secret }
}

function insert(
  tx: Tx,
  { name, scopes }: Pick<ApiKeyCreate, 'name' | 'scopes'>,
  secret: string,
  expires: Date | null,
  createdBy: string,
): Promise<KeyRow> {
  return tx
    .insertInto('api_keys')
    .values({
      name,
      prefix: shownPrefix(secret),
      hash: hashOf(secret),
      scopes: [...new Set(scopes)],
      expires_at: expires,
      created_by: createdBy,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Lists API keys by their age. */
export const listKeys = (store: Store, query: PageQuery): Promise<Page<ApiKey>> =>
  pageOf(
    store,
    (db) => db.selectFrom('api_keys').selectAll() as never,
    query,
    (row: KeyRow) => toKey(row),
  )

/** Replaces the secret of a valid key. Sessions that began with the old secret end. */
export async function rotateKey(store: Store, caller: Caller, id: string): Promise<CreatedApiKey> {
  const secret = newToken(TOKEN_PREFIX.key)
  const { value } = await store.change(actorOf(caller), async ({ tx, audit }) => {
    const before = await findKey(tx, id)
    if (!isValid(before, Date.now())) throw noKey(id)
    const row = await tx
      .updateTable('api_keys')
      .set({ prefix: shownPrefix(secret), hash: hashOf(secret) })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    await tx.deleteFrom('sessions').where('holder', '=', `key:${id}`).execute()
    audit({ action: 'key.rotate', kind: 'api_key', id, before: toKey(before), after: toKey(row) })
    return row
  })
  return { ...toKey(value), secret }
}

/** Revokes a key and its sessions at once. The last valid key with the scope admin stays, so that there is one. */
export async function revokeKey(store: Store, caller: Caller, id: string): Promise<void> {
  await store.change(actorOf(caller), async (change) => {
    const row = await findKey(change.tx, id)
    if (row.revoked_at !== null) return change.unchanged()
    if (row.scopes.includes('admin')) await refuseLastAdmin(change.tx, id)
    const now = new Date()
    await change.tx.updateTable('api_keys').set({ revoked_at: now }).where('id', '=', id).execute()
    await change.tx.deleteFrom('sessions').where('holder', '=', `key:${id}`).execute()
    change.audit({ action: 'key.revoke', kind: 'api_key', id, before: toKey(row) })
  })
}

async function refuseLastAdmin(tx: Tx, id: string): Promise<void> {
  const others = await tx
    .selectFrom('api_keys')
    .select('id')
    .where('id', '<>', id)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', new Date())]))
    .where((eb) => eb(eb.val('admin'), '=', eb.fn.any('scopes')))
    .limit(1)
    .execute()
  if (others.length > 0) return
  throw refusal('in-use', {
    detail: 'It is the last valid key with the scope admin.',
    remedy: 'Create another key with the scope admin first, or rotate this one.',
  })
}

async function findKey(tx: Tx, id: string): Promise<KeyRow> {
  const row = await tx.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw noKey(id)
  return row
}

const noKey = (id: string): Error =>
  refusal('not-found', { detail: `There is no valid key with the id ${id}.` })

function toKey(row: KeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes as Scope[],
    createdAt: row.created_at.toISOString(),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.toISOString() }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at.toISOString() }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at.toISOString() }),
  }
}
