import type { EnvironmentStatus } from '@branchline/wire/resources/environment'
import type { Condition } from '@branchline/wire/resources/fields'
import type { PreviewStatus } from '@branchline/wire/resources/preview'
import type { Registration } from '../gateway-view.ts'
import type { EnvironmentPlan, PreviewPlan, Verdict } from '../plan/plan.ts'
import {
  conditionsOf,
  expiryCondition,
  readiness,
  timeText,
  UNREACHED,
  unreachedCondition,
  warningCondition,
} from './conditions.ts'

/** How many sidecars an environment has, and how many are connected and serve their newest table. */
export interface Sidecars {
  readonly total: number
  readonly connected: number
  readonly acknowledged: number
  /** The epoch of the newest table among them. */
  readonly epoch: number
}

/** A preview in the list of its environment's status. */
export type PreviewSummary = NonNullable<EnvironmentStatus['previews']>[number]

/** What an environment's status contains in addition to its plan. */
export interface EnvironmentFacts {
  readonly sidecars: Sidecars
  /** Sorted by name. */
  readonly previews: readonly PreviewSummary[]
  /** Whether this cluster deletes expired environments. */
  readonly deletes: boolean
  /** Sentences about overrides that requests do not reach, because a service loses the key. */
  readonly unreached: readonly string[]
}

/** An Environment's status. `before` contains its current conditions: an unchanged one keeps its transition time. */
export function environmentStatus(
  plan: EnvironmentPlan,
  { sidecars, previews, deletes, unreached }: EnvironmentFacts,
  before: readonly Condition[],
  nowMs: number,
): EnvironmentStatus {
  const { verdict, key, overrides, warnings, expiry } = plan
  const parts = [
    ...readiness(unreached.length > 0 ? withUnreached(verdict) : verdict),
    ...unreachedCondition(unreached, before),
    ...warningCondition(warnings),
    ...expiryCondition(expiry, deletes),
  ]
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
    conditions: conditionsOf(parts, verdict.generation, before, nowMs),
    ...(key !== undefined && inEffect),
    ...(expiry !== undefined && { expiresAt: timeText(expiry.endsAtMs) }),
    overrides: [...overrides],
  }
}

/** Ready names the other condition, so that `kubectl get env` shows it. The environment stays ready. */
function withUnreached(verdict: Verdict): Verdict {
  if (verdict.reason !== 'Routed') return verdict
  return { ...verdict, reason: UNREACHED, message: `${verdict.message}; see the condition ${UNREACHED}` }
}

/** A wider column would push the others out of sight. */
const MAX_SUMMARY_LENGTH = 40

/** Names of services in kubectl's form of lists: `api,web`, `a-service,another-service + 3 more`, or `<none>`. */
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

/** A Preview's status. It is Ready once its service has a ready endpoint and the relay has registered its host. */
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

/** A short form of a Preview's status. */
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
    return { ...verdict, ready: false, reason: 'RelayDisconnected', message: 'the relay is not connected' }
  }
  return verdict
}

const observed = ({ generation }: Verdict): { observedGeneration?: number } =>
  generation === undefined ? {} : { observedGeneration: generation }
