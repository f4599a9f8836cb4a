import { z } from 'zod'

const lease = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string() }),
  spec: z
    .looseObject({
      holderIdentity: z.string().nullish(),
      leaseDurationSeconds: z.number().nullish(),
      acquireTime: z.string().nullish(),
      renewTime: z.string().nullish(),
      leaseTransitions: z.number().nullish(),
    })
    .nullish(),
})

/** A Lease (coordination.k8s.io/v1), as far as an election needs it. */
export interface LeaseRecord {
  readonly resourceVersion: string
  /** Empty where nobody holds it. */
  readonly holder: string
  readonly durationSeconds: number
  readonly acquireTime: string | undefined
  readonly transitions: number
}

/** A lease that is there, and when this process saw it in this state first, by its own clock. */
export interface Observation {
  readonly record: LeaseRecord
  readonly atMs: number
}

/** Reads a Lease of the API; throws where it is none. */
export function parseLease(object: unknown): LeaseRecord {
  const { metadata, spec } = lease.parse(object)
  return {
    resourceVersion: metadata.resourceVersion,
    holder: spec?.holderIdentity ?? '',
    durationSeconds: spec?.leaseDurationSeconds ?? 0,
    acquireTime: spec?.acquireTime ?? undefined,
    transitions: spec?.leaseTransitions ?? 0,
  }
}

/** What was observed before, or, where the lease has changed since, what is observed now. */
export function observe(before: Observation | undefined, record: LeaseRecord, nowMs: number): Observation {
  return before?.record.resourceVersion === record.resourceVersion ? before : { record, atMs: nowMs }
}

/**
 * Whether this process may write itself into the lease: it holds it, nobody does, or the holder has not
 * renewed for the lease's duration, counted from when this process saw its last renewal. Times of other
 * clocks, which the lease holds, are for people.
 */
export function mayTake({ record, atMs }: Observation, identity: string, nowMs: number): boolean {
  if (record.holder === '' || record.holder === identity) return true
  return nowMs - atMs >= record.durationSeconds * 1000
}

/** The spec that makes this process the holder. */
export function heldSpec(
  before: LeaseRecord | undefined,
  identity: string,
  durationSeconds: number,
  now: string,
): Record<string, unknown> {
  const renews = before?.holder === identity
  return {
    holderIdentity: identity,
    leaseDurationSeconds: durationSeconds,
    acquireTime: renews ? (before.acquireTime ?? now) : now,
    renewTime: now,
    leaseTransitions: before === undefined ? 0 : before.transitions + (renews ? 0 : 1),
  }
}

/** The spec that lets the next one take over at once. */
export const releasedSpec = (before: LeaseRecord, now: string): Record<string, unknown> => ({
  holderIdentity: '',
  leaseDurationSeconds: 1,
  acquireTime: now,
  renewTime: now,
  leaseTransitions: before.transitions,
})
