import { TOKEN_PREFIX } from '@branchline/wire/circuits/tokens'
import { settingsOf, type StoredCircuit } from '../circuits/rows.ts'
import type { Reader } from '../store/store.ts'
import { isValid } from './expiry.ts'
import { hashOf } from '@branchline/wire/circuits/secret'

/** What a token proves. */
export interface Right {
  /** `token:<id>` or `key:<id>`. */
  readonly holder: string
  /** Ids of the circuits that it opens. Undefined: all of the organization. */
  readonly circuits?: readonly string[]
  readonly expiresAtMs: number
}

/** Returns what an API key or an access token proves. Undefined if it is not valid. */
export async function findRight(db: Reader, token: string, nowMs: number): Promise<Right | undefined> {
  const hash = hashOf(token)
  if (token.startsWith(TOKEN_PREFIX.key)) {
    const row = await db.selectFrom('api_keys').selectAll().where('hash', '=', hash).executeTakeFirst()
    return row !== undefined && isValid(row, nowMs)
      ? { holder: `key:${row.id}`, expiresAtMs: endOf(row) }
      : undefined
  }
  if (!token.startsWith(TOKEN_PREFIX.access)) return undefined
  const row = await db.selectFrom('access_tokens').selectAll().where('hash', '=', hash).executeTakeFirst()
  if (row === undefined || !isValid(row, nowMs)) return undefined
  return {
    holder: `token:${row.id}`,
    expiresAtMs: endOf(row),
    ...(row.circuits === null ? {} : { circuits: row.circuits }),
  }
}

const endOf = ({ expires_at: at }: { readonly expires_at: Date | null }): number =>
  at?.getTime() ?? Number.POSITIVE_INFINITY

/** Whether something that looks like a token, not like a one-time code, is presented. */
export const isToken = (text: string): boolean =>
  text.startsWith(TOKEN_PREFIX.key) || text.startsWith(TOKEN_PREFIX.access)

/** A token of all circuits opens those of the organization. One that names circuits opens these, whatever their access. */
export function opens({ circuits }: Right, { row }: StoredCircuit): boolean {
  const { type } = settingsOf(row).access
  return circuits === undefined ? type !== 'token' : circuits.includes(row.id)
}
