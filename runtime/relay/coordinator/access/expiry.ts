import { refusal } from '@branchline/wire/circuits/problem'
import { durationMs } from '../circuits/spec.ts'

/** The longest that a credential may be valid: 10 years. */
const MAX_MS = 10 * 366 * 86_400_000

/** Returns when a credential expires. `0s` means never: null. Throws a refusal. */
export function expiryOf(expiresIn: string | undefined, defaultMs: number, nowMs: number): Date | null {
  const ms = expiresIn === undefined ? defaultMs : durationMs(expiresIn)
  if (ms === 0) return null
  if (ms <= MAX_MS) return new Date(nowMs + ms)
  throw refusal('invalid-fields', {
    errors: [{ pointer: '/expiresIn', detail: 'at most ten years, or 0s for never' }],
  })
}

/** Whether a credential is valid. */
export const isValid = (
  row: { readonly revoked_at: Date | null; readonly expires_at: Date | null },
  nowMs: number,
): boolean => row.revoked_at === null && (row.expires_at === null || row.expires_at.getTime() > nowMs)
