import { z } from 'zod'
import type { Notification } from '../../../kubernetes/events.ts'

const condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
})
const statusWithConditions = z.looseObject({ conditions: z.array(condition).nullish() }).nullish()
export type ConditionSeen = z.infer<typeof condition>

/** The conditions of a status. Empty if the status is invalid. */
export function conditionsOf(status: unknown): readonly ConditionSeen[] {
  const parsed = statusWithConditions.safeParse(status)
  return parsed.success ? (parsed.data?.conditions ?? []) : []
}

/** The conditions that need attention. */
const BAD = new Set([
  'Ready False',
  'Stalled True',
  'Reconciling True',
  'Warnings True',
  'Expired True',
  'OverrideUnreached True',
])

/** The Events for a change from one status to the next: one per condition whose status or reason changed. */
export function notificationsOf(
  regarding: Notification['regarding'],
  before: readonly ConditionSeen[],
  after: readonly ConditionSeen[],
): Notification[] {
  return after
    .filter(({ type, status, reason }) => {
      // Ready only names another condition, which has its own Event.
      if (type === 'Ready' && after.some((other) => other.type !== type && other.type === reason))
        return false
      const was = before.find((condition) => condition.type === type)
      return was?.status !== status || was.reason !== reason
    })
    .map(({ type, status, reason, message }) => ({
      regarding,
      type: BAD.has(`${type} ${status}`) ? 'Warning' : 'Normal',
      reason,
      note: message === '' ? `${type} is ${status}` : message,
    }))
}
