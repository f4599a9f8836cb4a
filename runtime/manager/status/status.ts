import type { EnvironmentStatus } from '@branchline/wire/resources/environment'
import type { Condition } from '@branchline/wire/resources/fields'
import type { PreviewStatus } from '@branchline/wire/resources/preview'
import type { Registration } from '../gateway-view.ts'
import type { EnvironmentPlan, PreviewPlan, Verdict } from '../plan/plan.ts'

/** How many sidecars of an environment serve their newest table, and the epoch of the newest of these. */
export type Sidecars = NonNullable<EnvironmentStatus['sidecars']>

/** An Environment's status. `before` are its conditions so far: an unchanged one keeps its time. */
export function environmentStatus(
  plan: EnvironmentPlan,
  sidecars: Sidecars,
  before: readonly Condition[],
  now: Date,
): EnvironmentStatus {
  const { verdict, key, overrides } = plan
  return {
    ...common(verdict, before, now),
    ...(key !== undefined && { key, sidecars }),
    overrides: [...overrides],
  }
}

/** A Preview's status: in effect once its service answers and the relay has its host. */
export function previewStatus(
  plan: PreviewPlan,
  registration: Registration | undefined,
  before: readonly Condition[],
  now: Date,
): PreviewStatus {
  const { host, url } = registration?.state === 'registered' ? registration : {}
  return {
    ...common(registeredVerdict(plan, registration), before, now),
    ...(plan.planned !== undefined && { host: host ?? plan.planned.label }),
    ...(url !== undefined && { url }),
  }
}

function registeredVerdict(
  { verdict, planned }: PreviewPlan,
  registration: Registration | undefined,
): Verdict {
  if (!verdict.ready || planned === undefined) return verdict
  if (registration?.state === 'refused') {
    return { ...verdict, ready: false, reason: 'HostRefused', message: registration.message }
  }
  if (registration?.state === 'disconnected') {
    return { ...verdict, ready: false, reason: 'RelayDisconnected', message: 'the relay does not answer' }
  }
  return verdict
}

function common(
  { ready, reason, message, generation }: Verdict,
  before: readonly Condition[],
  now: Date,
): { observedGeneration?: number; conditions: Condition[] } {
  const status = ready ? 'True' : 'False'
  const last = before.find(({ type }) => type === 'Ready')
  const observed = generation === undefined ? {} : { observedGeneration: generation }
  const lastTransitionTime =
    last?.status === status ? last.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, 'Z')
  return {
    ...observed,
    conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime, ...observed }],
  }
}
