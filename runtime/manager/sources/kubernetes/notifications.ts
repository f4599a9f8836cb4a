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

/** The conditions of a status; none where it cannot be read. */
export function conditionsOf(status: unknown): readonly ConditionSeen[] {
  const parsed = statusWithConditions.safeParse(status)
  return parsed.success ? (parsed.data?.conditions ?? []) : []
}

/** What somebody should look at. */
const BAD = new Set(['Ready False', 'Stalled True', 'Reconciling True', 'Warnings True', 'Expired True'])

/** What of two statuses, the later one second, is worth an Event: a condition that now says something else. */
export function notificationsOf(
  regarding: Notification['regarding'],
  before: readonly ConditionSeen[],
  after: readonly ConditionSeen[],
): Notification[] {
  return after
    .filter(({ type, status, reason }) => {
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
