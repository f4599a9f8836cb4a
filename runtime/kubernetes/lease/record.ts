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

/** The fields of a Lease (coordination.k8s.io/v1) that an election needs. */
export interface LeaseRecord {
  readonly resourceVersion: string
  /** Empty if the Lease has no holder. */
  readonly holder: string
  readonly durationSeconds: number
  readonly acquireTime: string | undefined
  readonly transitions: number
}

/** A Lease, and when this process first saw it in this state, by its own clock. */
export interface Observation {
  readonly record: LeaseRecord
  readonly atMs: number
}

/** Parses a Lease of the API. Throws if the object is not one. */
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

/** The earlier observation if the Lease has not changed, otherwise a new one. */
export function observe(before: Observation | undefined, record: LeaseRecord, nowMs: number): Observation {
  return before?.record.resourceVersion === record.resourceVersion ? before : { record, atMs: nowMs }
}

/**
 * Whether this process may write itself into the Lease: it holds the Lease, the Lease has no holder, or the
 * holder has not renewed for the Lease's duration, counted from when this process saw its last renewal. The
 * times in the Lease come from other clocks, so they are only for people to read.
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

/** The spec that lets the next candidate take over immediately. */
export const releasedSpec = (before: LeaseRecord, now: string): Record<string, unknown> => ({
  holderIdentity: '',
  leaseDurationSeconds: 1,
  acquireTime: now,
  renewTime: now,
  leaseTransitions: before.transitions,
})
