import type { Selectable } from 'kysely'
import type { AccessToken, AccessTokenCreate, CreatedAccessToken } from '@branchline/wire/circuits/credential'
import { type ProblemError, refusal } from '@branchline/wire/circuits/problem'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import { actorOf, type Caller, owns } from '../circuits/caller.ts'
import type { Reader, Store, Tx } from '../store/store.ts'
import type { AccessTokenTable } from '../store/tables.ts'
import { expiryOf } from './expiry.ts'
import { type Page, pageOf, type PageQuery } from './paging.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { newToken } from './tokens.ts'

const DEFAULT_VALIDITY_MS = 30 * 86_400_000

type TokenRow = Selectable<AccessTokenTable>

/**
 * Creates an access token for circuits of the caller. Only an admin creates one that opens everything of the
 * organization.
 */
export async function createAccessToken(
  store: Store,
  caller: Caller,
  create: AccessTokenCreate,
): Promise<CreatedAccessToken> {
  const { name, circuits } = create
  if (circuits === undefined && !caller.scopes.includes('admin')) {
    throw refusal('forbidden', {
      detail: 'Only a key with the scope admin creates a token that opens all circuits of the organization.',
      remedy: 'Name the circuits that the token opens.',
    })
  }
  const expires = expiryOf(create.expiresIn, DEFAULT_VALIDITY_MS, Date.now())
  const secret = newToken(TOKEN_PREFIX.access)
  const { value } = await store.change(actorOf(caller), async ({ tx, audit }) => {
    const ids = circuits === undefined ? null : await circuitIds(tx, caller, circuits)
    const row = await tx
      .insertInto('access_tokens')
      .values({
        name,
        hash: hashOf(secret),
        circuits: ids,
        holder: `key:${caller.keyId}`,
        expires_at: expires,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    audit({ action: 'token.create', kind: 'access_token', id: row.id, after: { name, circuits } })
    return toToken(row, await keysOf(tx, [row]))
  })
  return { ...value, secret }
}

async function circuitIds(tx: Tx, caller: Caller, keys: readonly string[]): Promise<string[]> {
  const rows = await tx
    .selectFrom('circuits')
    .select(['id', 'key', 'owner'])
    .where('key', 'in', keys)
    .execute()
  const own = new Map(rows.filter((row) => owns(caller, row)).map(({ key, id }) => [key, id]))
  const faults = keys.flatMap((key, index) =>
    own.has(key)
      ? []
      : { pointer: `/circuits/${index}`, detail: `no circuit of yours has the key ${JSON.stringify(key)}` },
  )
  if (faults.length > 0) throw refusal('invalid-fields', { errors: faults })
  return [...own.values()]
}

/** Lists access tokens that the caller has created. An admin sees all. */
export async function listAccessTokens(
  store: Store,
  caller: Caller,
  query: PageQuery,
): Promise<Page<AccessToken>> {
  const page = await pageOf(
    store,
    (db) => ownTokens(db, caller) as never,
    query,
    (row: TokenRow) => row,
  )
  const keys = await store.read((db) => keysOf(db, page.items))
  return { ...page, items: page.items.map((row) => toToken(row, keys)) }
}

function ownTokens(db: Reader, caller: Caller) {
  const all = db.selectFrom('access_tokens').selectAll()
  return caller.scopes.includes('admin') ? all : all.where('holder', '=', `key:${caller.keyId}`)
}

/** Revokes an access token and its sessions at once. */
export async function revokeAccessToken(store: Store, caller: Caller, id: string): Promise<void> {
  await store.change(actorOf(caller), async (change) => {
    const row = await ownTokens(change.tx, caller).where('id', '=', id).executeTakeFirst()
    if (row === undefined) throw noToken(id)
    if (row.revoked_at !== null) return change.unchanged()
    await change.tx
      .updateTable('access_tokens')
      .set({ revoked_at: new Date() })
      .where('id', '=', id)
      .execute()
    await change.tx.deleteFrom('sessions').where('holder', '=', `token:${id}`).execute()
    change.audit({ action: 'token.revoke', kind: 'access_token', id })
  })
}

const noToken = (id: string): ProblemError =>
  refusal('not-found', { detail: `No access token of yours has the id ${id}.` })

/** The keys of the circuits that tokens name, by id. */
async function keysOf(db: Reader, rows: readonly TokenRow[]): Promise<ReadonlyMap<string, string>> {
  const ids = [...new Set(rows.flatMap(({ circuits }) => circuits ?? []))]
  if (ids.length === 0) return new Map()
  const found = await db.selectFrom('circuits').select(['id', 'key']).where('id', 'in', ids).execute()
  return new Map(found.map(({ id, key }) => [id, key]))
}

function toToken(row: TokenRow, keys: ReadonlyMap<string, string>): AccessToken {
  return {
    id: row.id,
    name: row.name,
    // Circuits that are gone are left out, so that the list may be empty: the token opens nothing then.
    ...(row.circuits === null ? {} : { circuits: row.circuits.flatMap((id) => keys.get(id) ?? []) }),
    createdAt: row.created_at.toISOString(),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.toISOString() }),
    ...(row.revoked_at === null ? {} : { revokedAt: row.revoked_at.toISOString() }),
  }
}
