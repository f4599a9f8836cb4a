/** The limits of visitors' connections that no engine serves yet. */
export interface FrontendLimits {
  /** How long a TLS handshake may take. Then the connection is cut off. Default: 10 s. */
  readonly handshakeMs: number
  /** The maximum handshakes of one address at a time. Further connections are closed. Not for fronts. Default: 64. */
  readonly handshakesPerAddress: number
  /** How long a load balancer may take to send its header of the PROXY protocol. Default: 5 s. */
  readonly proxyHeaderMs: number
  /** The maximum connections of a listener that no engine serves yet. Further ones are closed. Default: 10,000. */
  readonly pending: number
}

export const DEFAULT_FRONTEND_LIMITS: FrontendLimits = {
  handshakeMs: 10_000,
  handshakesPerAddress: 64,
  proxyHeaderMs: 5_000,
  pending: 10_000,
}
