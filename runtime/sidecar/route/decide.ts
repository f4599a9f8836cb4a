import type { OnUnavailable } from '@branchline/wire/routes/messages'
import type { Destination, Listener } from '../table/table.ts'

/** The reasons of a routing decision. There are few, because they label metrics. */
const ROUTE_REASONS = ['no-table', 'routed', 'no-key', 'override', 'own', 'base'] as const
export type RouteReason = (typeof ROUTE_REASONS)[number]

/** One place to try. `routed`: the receiver must serve the request itself (wire/SPEC.md, section 3). */
export type Step =
  | { readonly kind: 'local' }
  | { readonly kind: 'remote'; readonly destination: Destination; readonly routed: boolean }

/** Where a request goes. Each step is tried only if the previous one could not be reached. */
export interface Decision {
  readonly reason: RouteReason
  /** The environment that should serve it. Undefined: the sidecar's own. */
  readonly wanted: Destination | undefined
  /** Never empty, but a remote step may have no endpoint. */
  readonly steps: readonly Step[]
  /** Whether to wait for the first step if it cannot be reached, before trying the others. */
  readonly hold: boolean
}

/** The input of a decision, in addition to the table. */
export interface DecisionInput {
  readonly key: string | undefined
  /** Whether an id marks it as another branch's request, without naming the branch. */
  readonly foreign?: boolean
  /** Whether another sidecar has routed it here. */
  readonly routed: boolean
}

const LOCAL: Step = { kind: 'local' }
const LOCAL_ONLY: readonly Step[] = [LOCAL]

/**
 * Decides where a request goes, by the routes of the listener that received it (wire/SPEC.md, sections 3 and 4):
 *
 *   routed by another sidecar      here, whatever its key; to the base if the app here is gone
 *   a key in `routes`              to that override; if it is down, by the override's rule
 *   no key, or one that ends here  here; to the base if the app here is gone
 *   another key, or an id of one,
 *     on a branch                  to the base, whose sidecar decides again; never here
 *
 * Without a table, or if the table does not know the listener, the pod's app serves.
 */
export function decide(listener: Listener | undefined, { key, foreign, routed }: DecisionInput): Decision {
  if (listener === undefined) return { reason: 'no-table', wanted: undefined, steps: LOCAL_ONLY, hold: false }
  if (routed) return here('routed', listener)
  if (key === undefined) {
    if (foreign !== true || listener.base === undefined) return here('no-key', listener)
    return toBase(listener.base)
  }
  const override = listener.routes.get(key)
  if (override !== undefined)
    return {
      reason: 'override',
      wanted: override,
      steps: overrideSteps(listener, override),
      hold: override.onUnavailable === 'hold',
    }
  if (listener.base === undefined || listener.own.has(key)) return here('own', listener)
  return toBase(listener.base)
}

/**
 * The same for a raw connection, which cannot carry a key or the mark of a routed request. Only the caller's pod is
 * known here, and the next sidecar would see only this sidecar's address. So the connection takes one hop at most: to
 * the caller's override, or to the app here.
 */
export function decideRaw(listener: Listener | undefined, key: string | undefined): Decision {
  if (listener === undefined) return { reason: 'no-table', wanted: undefined, steps: LOCAL_ONLY, hold: false }
  const override = key === undefined ? undefined : listener.routes.get(key)
  if (override === undefined) {
    return { reason: key === undefined ? 'no-key' : 'own', wanted: undefined, steps: LOCAL_ONLY, hold: false }
  }
  const steps = fallsBack(override.onUnavailable)
    ? [remote(override, false), LOCAL]
    : [remote(override, false)]
  return { reason: 'override', wanted: override, steps, hold: false }
}

/**
 * The steps for an override. This pod's app comes second, because its environment is above the override in the chain,
 * so the key will mean it once the manager has noticed that the override is gone.
 */
function overrideSteps(listener: Listener, override: Destination): readonly Step[] {
  const first = remote(override, true)
  return fallsBack(override.onUnavailable) ? [first, ...hereSteps(listener)] : [first]
}

const here = (reason: RouteReason, listener: Listener): Decision => ({
  reason,
  wanted: undefined,
  steps: hereSteps(listener),
  hold: listener.onUnavailable === 'hold',
})

const toBase = (base: Destination): Decision => ({
  reason: 'base',
  wanted: base,
  steps: [remote(base, false)],
  hold: base.onUnavailable === 'hold',
})

function hereSteps({ base, onUnavailable }: Listener): readonly Step[] {
  if (base === undefined || base.endpoints.length === 0 || !fallsBack(onUnavailable)) return LOCAL_ONLY
  return [LOCAL, remote(base, true)]
}

const remote = (destination: Destination, routed: boolean): Step => ({ kind: 'remote', destination, routed })

/** Whether a rule allows a fallback. `hold` does, once the wait is over. */
const fallsBack = (rule: OnUnavailable): boolean => rule !== 'fail'
