import type { BackoffLimits } from '../process/backoff.ts'

/** Limits and timeouts of a client of etcd. */
export interface EtcdLimits {
  /** How long one request may take, also until a watch begins. Default: 5 s. */
  readonly requestMs: number
  /** The most bytes of one response, or of one message of a watch. Default: 64 MiB. */
  readonly messageBytes: number
  /** The most keys of one page of a read. Default: 1,000. */
  readonly pageKeys: number
  /** Between two checks whether a watch still brings what changes. Default: 15 s. */
  readonly checkMs: number
  /** How long a lease lives after its last renewal, in seconds. It is renewed three times as often. Default: 15 s. */
  readonly leaseSeconds: number
  /** The waits after a failure. Default: 100 ms to 5 s. */
  readonly retry: BackoffLimits
}

/** The defaults of {@link EtcdLimits}. */
export const DEFAULT_ETCD_LIMITS: EtcdLimits = {
  requestMs: 5_000,
  messageBytes: 64 * 1024 * 1024,
  pageKeys: 1_000,
  checkMs: 15_000,
  leaseSeconds: 15,
  retry: { firstMs: 100, maxMs: 5_000 },
}
