/** Why an end of a pushed table closes its connection (RFC 6455, 7.4; 4000 to 4999 are ours). */
export const CLOSE = {
  /** The subscriber ends. */
  normal: 1000,
  /** The publisher ends, or another replica leads. */
  goingAway: 1001,
  unsupported: 1003,
  /** The subscriber cannot read a message. */
  unreadable: 1007,
  policy: 1008,
  tooBig: 1009,
  /** A delta does not follow on the subscriber's table: it connects again for a snapshot. */
  resync: 4001,
  /** The subscriber of the same key has connected again. */
  replaced: 4002,
  /** The subscriber did not say hello in time. */
  noHello: 4003,
  /** The publisher did not answer in time. */
  late: 4004,
} as const
