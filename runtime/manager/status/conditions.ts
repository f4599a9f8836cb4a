import type { Condition } from '@branchline/wire/resources/fields'
import type { Expiry, Verdict, Warning } from '../plan/plan.ts'

/** The part of a condition that differs between conditions of one status. */
export type ConditionPart = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>

/**
 * Reasons that may pass without an edit of the resource, because what is missing may still appear: a base, a Service,
 * an endpoint, the relay. All others need a user's action.
 */
const PASSING = new Set([
  'OverrideUnavailable',
  'BaseNotFound',
  'BaseTerminating',
  'BaseInvalid',
  'EnvironmentNotFound',
  'EnvironmentInvalid',
  'ServiceNotFound',
  'ServiceUnavailable',
  'RelayDisconnected',
  'Terminating',
])

/**
 * The Ready condition. If it is False, also the condition that kstatus and Argo CD read: Reconciling if waiting may
 * help, Stalled if only a user's action can.
 */
export function readiness({ ready, reason, message }: Verdict): ConditionPart[] {
  const why = { reason, message }
  if (ready) return [{ type: 'Ready', status: 'True', ...why }]
  const type = PASSING.has(reason) ? 'Reconciling' : 'Stalled'
  return [
    { type: 'Ready', status: 'False', ...why },
    { type, status: 'True', ...why },
  ]
}

const MAX_WARNINGS = 10

/** The Warnings condition, or none. A warning never prevents Ready. */
export function warningCondition(warnings: readonly Warning[]): ConditionPart[] {
  const [first] = warnings
  if (first === undefined) return []
  const same = warnings.every(({ reason }) => reason === first.reason)
  const sentences = warnings.slice(0, MAX_WARNINGS).map(({ message }) => message)
  if (warnings.length > MAX_WARNINGS) sentences.push(`and ${warnings.length - MAX_WARNINGS} more`)
  const message = sentences.join('. ')
  return [{ type: 'Warnings', status: 'True', reason: same ? first.reason : 'Several', message }]
}

/** The type of the condition that says which overrides are not reached. */
export const UNREACHED = 'OverrideUnreached'

/**
 * The OverrideUnreached condition: True while a service loses the key, False once that is over. None if it never
 * happened. It never prevents Ready, because the environment itself is in effect.
 */
export function unreachedCondition(
  sentences: readonly string[],
  before: readonly Condition[],
): ConditionPart[] {
  if (sentences.length > 0) {
    const message = sentences.slice(0, MAX_WARNINGS).join('. ')
    return [{ type: UNREACHED, status: 'True', reason: 'KeyLost', message }]
  }
  if (!before.some(({ type }) => type === UNREACHED)) return []
  const message = 'requests reach the overrides with the key again, or the overrides have changed'
  return [{ type: UNREACHED, status: 'False', reason: 'Reached', message }]
}

/** The Expired condition: when an environment expires, or what happens after it has. None without a ttl. */
export function expiryCondition(expiry: Expiry | undefined, deletes: boolean): ConditionPart[] {
  if (expiry === undefined) return []
  const at = timeText(expiry.endsAtMs)
  if (!expiry.expired) {
    return [{ type: 'Expired', status: 'False', reason: 'TimeToLive', message: `expires at ${at}` }]
  }
  const held = expiry.heldBy === undefined ? undefined : `it is held by ${expiry.heldBy}, so delete it there`
  const next =
    held ?? (deletes ? 'it is being deleted' : 'this cluster deletes nothing, so delete it yourself')
  return [
    {
      type: 'Expired',
      status: 'True',
      reason: 'TimeToLiveEnded',
      message: `its ttl ended at ${at}: ${next}`,
    },
  ]
}

/** A time in the form of metav1.Time: whole seconds, in UTC. */
export const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

/** Completes conditions. One whose status has not changed keeps its transition time. */
export function conditionsOf(
  parts: readonly ConditionPart[],
  generation: number | undefined,
  before: readonly Condition[],
  nowMs: number,
): Condition[] {
  return parts.map((one) => {
    const last = before.find(({ type }) => type === one.type)
    const lastTransitionTime = last?.status === one.status ? last.lastTransitionTime : timeText(nowMs)
    return {
      ...one,
      lastTransitionTime,
      ...(generation !== undefined && { observedGeneration: generation }),
    }
  })
}
