import type { Certificate } from './certificate.ts'

/** A warning needs at most this part of a certificate's lifetime, for certificates that live for days only. */
const PART = 1 / 6

/** Returns the certificates that expire soon or have expired, so that a warning is due. */
export const expiring = (
  certificates: readonly Certificate[],
  nowMs: number,
  warningMs: number,
): Certificate[] =>
  certificates.filter(
    ({ notBeforeMs, notAfterMs }) =>
      notAfterMs - nowMs < Math.min(warningMs, (notAfterMs - notBeforeMs) * PART),
  )
