import { DEFAULT_GROUP } from '@branchline/wire/circuits/circuit'
import type { Change, Store } from '../store/store.ts'
import { hashOf } from '@branchline/wire/circuits/secret'
import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import { newToken, shownPrefix } from './tokens.ts'

/** Who created keys and tokens that the configuration gives. */
const ACTOR = 'configuration'

/** A person at the machine of the coordinator. */
const CONSOLE = 'console'

/** The name of the join token that the configuration gives. Others of this name are replaced with it. */
const JOIN_TOKEN = 'configuration'

/**
 * Accepts an API key that the configuration gives, with all rights and without an end. It replaces the key that the
 * configuration gave before. A key that was revoked stays revoked.
 */
export async function acceptOwnerKey(store: Store, secret: string): Promise<void> {
  const hash = hashOf(secret)
  await store.change({ actor: ACTOR }, async ({ tx, audit, unchanged }) => {
    const known = await tx.selectFrom('api_keys').select('id').where('hash', '=', hash).executeTakeFirst()
    if (known !== undefined) return unchanged()
    const replaced = await tx
      .updateTable('api_keys')
      .set({ revoked_at: new Date() })
      .where('created_by', '=', ACTOR)
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute()
    for (const { id } of replaced) {
      await tx.deleteFrom('sessions').where('holder', '=', `key:${id}`).execute()
      audit({ action: 'key.revoke', kind: 'api_key', id })
    }
    await insertOwner({ tx, audit }, secret, ACTOR)
  })
}

/** Adds an API key with all rights and without an end, for a person who can read the database, and returns it. */
export async function addOwnerKey(store: Store): Promise<string> {
  const secret = newToken(TOKEN_PREFIX.key)
  await store.change({ actor: CONSOLE }, (change) => insertOwner(change, secret, CONSOLE))
  return secret
}

async function insertOwner(
  { tx, audit }: Pick<Change, 'tx' | 'audit'>,
  secret: string,
  createdBy: string,
): Promise<void> {
  const row = { name: 'owner', scopes: ['admin'] }
  const { id } = await tx
    .insertInto('api_keys')
    .values({
      ...row,
      prefix: shownPrefix(secret),
      hash: hashOf(secret),
      expires_at: null,
      created_by: createdBy,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  audit({ action: 'key.create', kind: 'api_key', id, after: row })
}

/**
 * Accepts a join token of the default group that the configuration gives, without an end. It replaces the token that the
 * configuration gave before. A token that was revoked stays revoked.
 */
export async function acceptJoinToken(store: Store, secret: string): Promise<void> {
  const hash = hashOf(secret)
  await store.change({ actor: ACTOR }, async ({ tx, audit, unchanged }) => {
    const known = await tx.selectFrom('join_tokens').select('id').where('hash', '=', hash).executeTakeFirst()
    if (known !== undefined) return unchanged()
    const replaced = await tx
      .updateTable('join_tokens')
      .set({ revoked_at: new Date() })
      .where('name', '=', JOIN_TOKEN)
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute()
    for (const { id } of replaced) audit({ action: 'join-token.revoke', kind: 'join_token', id })
    const { id } = await tx
      .insertInto('join_tokens')
      .values({ name: JOIN_TOKEN, hash, worker_group: DEFAULT_GROUP, max_uses: null, expires_at: null })
      .returning('id')
      .executeTakeFirstOrThrow()
    audit({ action: 'join-token.create', kind: 'join_token', id, after: { group: DEFAULT_GROUP } })
  })
}
