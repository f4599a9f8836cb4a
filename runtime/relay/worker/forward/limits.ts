/** Limits of `branchline circuit forward` at a worker. */
export interface ForwardLimits {
  /** Most clients at a time. Further ones get 503. Default: 1,024. */
  readonly clients: number
  /** Most clients of one circuit at a time. Further ones get 503. Default: 128. */
  readonly circuitClients: number
  /** Most open connections of one client. Further ones are reset. Default: 256. */
  readonly streams: number
  /** Longest time for the head of the upgrade. Default: 5 s. */
  readonly headMs: number
  /** Time between two checks that a client still has access. Default: 2 s. */
  readonly recheckMs: number
}

/** The defaults of {@link ForwardLimits}. */
export const DEFAULT_FORWARD_LIMITS: ForwardLimits = {
  clients: 1_024,
  circuitClients: 128,
  streams: 256,
  headMs: 5_000,
  recheckMs: 2_000,
}
