/** The limits of certificates. */
export interface CertificateLimits {
  /** The maximum contexts of TLS that are kept ready. Others are made at the next handshake. Default: 1,000. */
  readonly contexts: number
  /** The maximum certificates of a folder. Further ones are faults. Default: 20,000. */
  readonly certificates: number
  /** The maximum size of a file. Default: 1 MiB. */
  readonly fileBytes: number
  /** How long to collect further changes of a folder after one. Default: 250 ms. */
  readonly settleMs: number
  /** After this time without a change, a folder is read again, because some file systems report none. Default: 5 min. */
  readonly rescanMs: number
  /** How often the time is compared with the certificates. Default: 1 h. */
  readonly checkMs: number
  /** A warning is logged once a day when a certificate expires within this time. Default: 14 days. */
  readonly expiryWarningMs: number
  /** The maximum certificates of which metrics name the expiry; the first to expire come first. Default: 200. */
  readonly expiryMetrics: number
  /** The maximum names for which the authority for development keeps a certificate. Default: 1,000. */
  readonly issued: number
}

export const DEFAULT_CERTIFICATE_LIMITS: CertificateLimits = {
  contexts: 1_000,
  certificates: 20_000,
  fileBytes: 1_048_576,
  settleMs: 250,
  rescanMs: 300_000,
  checkMs: 3_600_000,
  expiryWarningMs: 14 * 86_400_000,
  expiryMetrics: 200,
  issued: 1_000,
}
