import type { Scope } from '@branchline/wire/circuits/credential'
import { KEY_USE, type NewOptions, printCreated } from '../credentials.ts'
import { withDatabaseOf } from './database.ts'
import type { DatabaseOptions } from './options.ts'

/** Runs `branchline relay key create` at the database, for users who have lost the owner's key. */
export async function runCreateKeyAtDatabase(
  name: string,
  options: NewOptions & DatabaseOptions & { readonly scope: readonly Scope[] },
): Promise<void> {
  const { scope, expires: expiresIn } = options
  const { createKeyAtDatabase } = await import('@branchline/runtime/relay/coordinator/access/keys')
  const { migrate } = await import('@branchline/runtime/relay/coordinator/store/migrate')
  const { DEFAULT_STORE_LIMITS: limits } = await import('@branchline/runtime/relay/coordinator/store/limits')
  const { Store } = await import('@branchline/runtime/relay/coordinator/store/store')
  const created = await withDatabaseOf(options, async ({ address }, logger) => {
    await migrate(address, limits)
    const store = new Store({ address, limits, logger })
    try {
      return await createKeyAtDatabase(store, { name, scopes: [...scope], expiresIn })
    } finally {
      await store.close()
    }
  })
  printCreated(created, KEY_USE, options)
}
