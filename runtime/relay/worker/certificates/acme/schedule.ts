import { createHash } from 'node:crypto'
import type { BackoffLimits } from '../../../../process/backoff.ts'
import type { Certificate } from '../certificate.ts'

/** An order that failed. */
export interface OrderFailure {
  readonly tries: number
  readonly retryAtMs: number
  readonly problem: string
}

/** A certificate is renewed when this part of its lifetime is over… */
const RENEW_AFTER = 2 / 3
/** … or up to this part earlier, so that certificates that were ordered together are not renewed together. */
const JITTER = 1 / 15

/** Returns when a certificate is to be renewed. It is the same time on all workers, and after a restart. */
export function renewAtMs({ notBeforeMs, notAfterMs, id }: Certificate): number {
  const random = createHash('sha256').update(id).digest().readUInt32BE(0) / 2 ** 32
  return notBeforeMs + (notAfterMs - notBeforeMs) * (RENEW_AFTER - JITTER * random)
}

/** Returns whether a certificate must be ordered now. */
export const isDue = (
  certificate: Certificate | undefined,
  failure: OrderFailure | undefined,
  nowMs: number,
): boolean =>
  (certificate === undefined || nowMs >= renewAtMs(certificate)) &&
  (failure === undefined || nowMs >= failure.retryAtMs)

/** The longest wait that an authority may ask for, in milliseconds: rate limits of a week exist. */
const MAX_ASKED_MS = 8 * 86_400_000

/** Returns the failure after one more try. `askedMs` is what the authority asked to wait (Retry-After). */
export function failedAgain(
  before: OrderFailure | undefined,
  problem: string,
  options: { readonly nowMs: number; readonly askedMs: number; readonly retry: BackoffLimits },
): OrderFailure {
  const tries = (before?.tries ?? 0) + 1
  const { firstMs, maxMs } = options.retry
  const fullMs = Math.min(maxMs, firstMs * 2 ** Math.min(tries - 1, 30))
  const waitMs = Math.max(fullMs / 2 + (Math.random() * fullMs) / 2, Math.min(options.askedMs, MAX_ASKED_MS))
  return { tries, retryAtMs: options.nowMs + waitMs, problem }
}
