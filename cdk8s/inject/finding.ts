import type { Manifest } from './manifest.ts'
import { nameOf } from './manifest.ts'

/**
 * What a finding is about. `unrouted`: requests bypass the sidecar. `cluster`: it matters only where a cluster enforces it.
 * `notice`: something else to do. `fault`: the manifest is invalid.
 */
const EFFECTS = {
  Headless: 'unrouted',
  SinglePod: 'unrouted',
  NoSelector: 'unrouted',
  NoWorkload: 'unrouted',
  HostNetwork: 'unrouted',
  Windows: 'unrouted',
  Disabled: 'unrouted',
  NotTcp: 'unrouted',
  NamedPortMissing: 'unrouted',
  PortTaken: 'unrouted',
  TooManyPorts: 'unrouted',
  NothingInNamespace: 'unrouted',
  PortInUse: 'notice',
  PolicyBlocks: 'cluster',
  QuotaCounts: 'cluster',
  LimitRefuses: 'cluster',
  BadSetting: 'fault',
  BadShape: 'fault',
} as const

export type FindingReason = keyof typeof EFFECTS
export type FindingEffect = (typeof EFFECTS)[FindingReason]

/** Something about an object that the injection does not solve, and the remedy. */
export interface Finding {
  readonly kind: string
  readonly namespace: string | undefined
  readonly name: string
  readonly field: string
  readonly reason: FindingReason
  readonly message: string
}

/**
 * Returns what a finding means: `fault` if the manifest is invalid, `unrouted` if requests bypass the sidecar, `cluster`
 * if policies or quotas of a cluster would stop it, `notice` for everything else that people should know.
 */
export const effectOf = ({ reason }: Pick<Finding, 'reason'>): FindingEffect => EFFECTS[reason]

/** Makes a finding about an object. */
export function findingAt(object: Manifest, field: string, reason: FindingReason, message: string): Finding {
  const { kind, metadata } = object
  return { kind, namespace: metadata.namespace, name: nameOf(object), field, reason, message }
}
