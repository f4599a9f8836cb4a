import type { EnvironmentStatus } from '@branchline/wire/resources/environment'
import type { Condition } from '@branchline/wire/resources/fields'
import type { PreviewStatus } from '@branchline/wire/resources/preview'
import type { Registration } from '../gateway-view.ts'
import type { EnvironmentPlan, PreviewPlan, Verdict } from '../plan/plan.ts'
import { conditionsOf, expiryCondition, readiness, timeText, warningCondition } from './conditions.ts'

/** The sidecars of an environment: how many there are, are connected, and serve the newest table of theirs. */
export interface Sidecars {
  readonly total: number
  readonly connected: number
  readonly acknowledged: number
  /** Of the newest table that any of them has. */
  readonly epoch: number
}

/** A preview as its environment's status lists it. */
export type PreviewSummary = NonNullable<EnvironmentStatus['previews']>[number]

/** What an environment's status says beside its plan. */
export interface EnvironmentFacts {
  readonly sidecars: Sidecars
  /** Sorted by name. */
  readonly previews: readonly PreviewSummary[]
  /** Whether expired environments are deleted here. */
  readonly deletes: boolean
}

/** An Environment's status. `before` are its conditions so far: an unchanged one keeps its time. */
export function environmentStatus(
  plan: EnvironmentPlan,
  { sidecars, previews, deletes }: EnvironmentFacts,
  before: readonly Condition[],
  nowMs: number,
): EnvironmentStatus {
  const { verdict, key, overrides, warnings, expiry } = plan
  const said = [...readiness(verdict), ...warningCondition(warnings), ...expiryCondition(expiry, deletes)]
  const { total, connected, acknowledged, epoch } = sidecars
  const inEffect = {
    key,
    overridesSummary: overridesSummary(overrides),
    sidecars: { acknowledged, total, epoch, connected, summary: `${connected}/${total}` },
    routes: `${acknowledged}/${total} at epoch ${epoch}`,
    previews: [...previews],
  }
  return {
    ...observed(verdict),
    conditions: conditionsOf(said, verdict.generation, before, nowMs),
    ...(key !== undefined && inEffect),
    ...(expiry !== undefined && { expiresAt: timeText(expiry.endsAtMs) }),
    overrides: [...overrides],
  }
}

/** A column of a table wider than this pushes the others out of sight. */
const MAX_SUMMARY_LENGTH = 40

/** Names of services as kubectl prints lists: `api,web`, `a-service,another-service + 3 more`, or `<none>`. */
export function overridesSummary(names: readonly string[]): string {
  const [first, ...others] = names
  if (first === undefined) return '<none>'
  let text = first
  for (const [index, name] of others.entries()) {
    if (text.length + 1 + name.length > MAX_SUMMARY_LENGTH) return `${text} + ${others.length - index} more`
    text += `,${name}`
  }
  return text
}

/** A Preview's status: in effect once its service answers and the relay has its host. */
export function previewStatus(
  plan: PreviewPlan,
  registration: Registration | undefined,
  before: readonly Condition[],
  nowMs: number,
): PreviewStatus {
  const { host, url } = registration?.state === 'registered' ? registration : {}
  const verdict = registeredVerdict(plan, registration)
  return {
    ...observed(verdict),
    conditions: conditionsOf(readiness(verdict), verdict.generation, before, nowMs),
    ...(plan.planned !== undefined && { host: host ?? plan.planned.label }),
    ...(url !== undefined && { url }),
  }
}

/** The same in short. */
export function previewSummary(
  name: string,
  plan: PreviewPlan,
  registration: Registration | undefined,
): PreviewSummary {
  const { url } = registration?.state === 'registered' ? registration : {}
  const { ready } = registeredVerdict(plan, registration)
  return { name, ready: ready && url !== undefined, ...(url !== undefined && { url }) }
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

const observed = ({ generation }: Verdict): { observedGeneration?: number } =>
  generation === undefined ? {} : { observedGeneration: generation }
