import type { Condition } from '@branchline/wire/resources/fields'
import type { Expiry, Verdict, Warning } from '../plan/plan.ts'

/** A condition without what is the same for all. */
export type Said = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>

/**
 * Reasons that may end without an edit of the resource, since what is missing may still come: a base, a
 * Service, an endpoint, the relay. All others ask for a person.
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
 * Ready, and beside it, where it is not, what kstatus and Argo CD ask for: Reconciling where waiting may help,
 * Stalled where only a person can.
 */
export function readiness({ ready, reason, message }: Verdict): Said[] {
  const said = { reason, message }
  if (ready) return [{ type: 'Ready', status: 'True', ...said }]
  const why = PASSING.has(reason) ? 'Reconciling' : 'Stalled'
  return [
    { type: 'Ready', status: 'False', ...said },
    { type: why, status: 'True', ...said },
  ]
}

const MAX_WARNINGS = 10

/** What works otherwise than one may think; nothing where nothing does. Never a reason not to be Ready. */
export function warningCondition(warnings: readonly Warning[]): Said[] {
  const [first] = warnings
  if (first === undefined) return []
  const same = warnings.every(({ reason }) => reason === first.reason)
  const sentences = warnings.slice(0, MAX_WARNINGS).map(({ message }) => message)
  if (warnings.length > MAX_WARNINGS) sentences.push(`and ${warnings.length - MAX_WARNINGS} more`)
  const message = sentences.join('. ')
  return [{ type: 'Warnings', status: 'True', reason: same ? first.reason : 'Several', message }]
}

/** When its time ends, or that it has, and what becomes of it; nothing where it lives without end. */
export function expiryCondition(expiry: Expiry | undefined, deletes: boolean): Said[] {
  if (expiry === undefined) return []
  const at = timeText(expiry.endsAtMs)
  if (!expiry.expired) {
    return [{ type: 'Expired', status: 'False', reason: 'TimeToLive', message: `lives until ${at}` }]
  }
  const held = expiry.heldBy === undefined ? undefined : `it is held by ${expiry.heldBy}, so delete it there`
  const fate = held ?? (deletes ? 'it is being deleted' : 'this cluster deletes nothing, so delete it')
  return [
    {
      type: 'Expired',
      status: 'True',
      reason: 'TimeToLiveEnded',
      message: `its ttl ended at ${at}: ${fate}`,
    },
  ]
}

/** A time as metav1.Time is written: whole seconds, in UTC. */
export const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

/** Conditions whole. One whose status is what it was before keeps its time. */
export function conditionsOf(
  said: readonly Said[],
  generation: number | undefined,
  before: readonly Condition[],
  nowMs: number,
): Condition[] {
  return said.map((one) => {
    const last = before.find(({ type }) => type === one.type)
    const lastTransitionTime = last?.status === one.status ? last.lastTransitionTime : timeText(nowMs)
    return {
      ...one,
      lastTransitionTime,
      ...(generation !== undefined && { observedGeneration: generation }),
    }
  })
}
