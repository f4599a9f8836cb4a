import { createHash } from 'node:crypto'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Store } from '../store/store.ts'
import type { ApiLimits } from './limits.ts'

/** A request that has an idempotency key. */
export interface KeyedRequest {
  readonly apiKeyId: string
  readonly key: string
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly body: Buffer
}

/** An answer that can be stored. */
export interface StoredAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** An idempotency key: 1 to 255 visible characters. Throws a refusal. */
export function parseIdempotencyKey(value: string): string {
  if (/^[!-~]{1,255}$/.test(value)) return value
  throw refusal('invalid-request', {
    errors: [{ pointer: '?Idempotency-Key', detail: '1 to 255 visible ASCII characters' }],
  })
}

/**
 * Answers a request once: a repeated one gets the stored answer. The same key for another request is refused, and so is
 * a repeated request while the first one still runs. Answers of 500 and more are not stored.
 */
export async function answerOnce(
  store: Store,
  limits: ApiLimits,
  request: KeyedRequest,
  answer: () => Promise<StoredAnswer>,
): Promise<StoredAnswer & { readonly replayed: boolean }> {
  const stored = await claim(store, limits, request)
  if (stored !== undefined) return { ...stored, replayed: true }
  try {
    const made = await answer()
    if (made.status < 500) await keep(store, limits, request, made)
    else await forget(store, request)
    return { ...made, replayed: false }
  } catch (error) {
    await forget(store, request)
    throw error
  }
}

/** Claims the key. Returns the stored answer if there is one. */
async function claim(
  store: Store,
  limits: ApiLimits,
  { apiKeyId, key, method, path, body }: KeyedRequest,
): Promise<StoredAnswer | undefined> {
  const hash = createHash('sha256').update(`${method} ${path}\n`).update(body).digest('hex')
  const now = new Date()
  return store.write(async (tx) => {
    const known = tx.deleteFrom('idempotency').where('api_key_id', '=', apiKeyId).where('key', '=', key)
    await known.where('expires_at', '<', now).execute()
    const values = { api_key_id: apiKeyId, key, method, path, request_hash: hash }
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('idempotency')
      .values({ ...values, expires_at: new Date(now.getTime() + limits.runningMs) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (numInsertedOrUpdatedRows === 1n) return undefined
    const row = await tx
      .selectFrom('idempotency')
      .selectAll()
      .where('api_key_id', '=', apiKeyId)
      .where('key', '=', key)
      .executeTakeFirstOrThrow()
    if (row.request_hash !== hash) {
      throw refusal('idempotency-key-reused', { remedy: 'Use a new key for another request.' })
    }
    if (row.response_status === null) {
      throw refusal('request-running', { remedy: 'Send the request again in a second.' })
    }
    return {
      status: row.response_status,
      headers: (row.response_headers ?? {}) as Readonly<Record<string, string>>,
      body: row.response_body ?? undefined,
    }
  })
}

async function keep(
  store: Store,
  { idempotencyMs }: ApiLimits,
  { apiKeyId, key }: KeyedRequest,
  { status, headers, body }: StoredAnswer,
): Promise<void> {
  await store.write((tx) =>
    tx
      .updateTable('idempotency')
      .set({
        response_status: status,
        response_headers: JSON.stringify(headers),
        response_body: body === undefined ? null : JSON.stringify(body),
        expires_at: new Date(Date.now() + idempotencyMs),
      })
      .where('api_key_id', '=', apiKeyId)
      .where('key', '=', key)
      .execute(),
  )
}

async function forget(store: Store, { apiKeyId, key }: KeyedRequest): Promise<void> {
  await store.write((tx) =>
    tx.deleteFrom('idempotency').where('api_key_id', '=', apiKeyId).where('key', '=', key).execute(),
  )
}
