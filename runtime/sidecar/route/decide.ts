import type { OnUnavailable } from '@branchline/wire/routes/messages'
import type { Destination, Listener } from '../table/table.ts'

/** Why a request goes where it goes: few words, since they label metrics. */
export const ROUTE_REASONS = ['no-table', 'routed', 'no-key', 'override', 'own', 'base'] as const
export type RouteReason = (typeof ROUTE_REASONS)[number]

/** One place to try. `routed`: the receiver is to serve it where it arrives (wire/SPEC.md, section 3). */
export type Step =
  | { readonly kind: 'local' }
  | { readonly kind: 'remote'; readonly destination: Destination; readonly routed: boolean }

/** Where a request goes: the next step counts only where the one before could not be reached. */
export interface Decision {
  readonly reason: RouteReason
  /** The environment that should serve it; undefined: the sidecar's own. */
  readonly wanted: Destination | undefined
  /** Never empty; a remote step may have no endpoint. */
  readonly steps: readonly Step[]
  /** Whether the first step is to be waited for where it cannot be reached, before the others are. */
  readonly hold: boolean
}

/** What a decision depends on, beside the table. */
export interface Asked {
  readonly key: string | undefined
  /** Whether an id says that it is another branch's request, and not which one's. */
  readonly foreign?: boolean
  /** Whether another sidecar has routed it here. */
  readonly routed: boolean
}

const LOCAL: Step = { kind: 'local' }
const LOCAL_ONLY: readonly Step[] = [LOCAL]

/**
 * Decides where a request goes, by the routes of the listener at which it arrived (wire/SPEC.md, sections 3
 * and 4):
 *
 *   routed by another sidecar      here, whatever its key; its base where the app here is gone
 *   a key in `routes`              that override; where it is dead, by the override's rule
 *   no key, or one that ends here  here; the base where the app here is gone
 *   another key, or an id of one,
 *     on a branch                  the base, whose sidecar decides anew; never here
 *
 * Without a table, or where the table does not know the listener, the app of the pod serves.
 */
export function decide(listener: Listener | undefined, { key, foreign, routed }: Asked): Decision {
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
 * The same for a connection whose bytes cannot carry a key or the mark of a routed request: its caller's pod
 * is all that is known, and behind this sidecar its address is all that the next would know. So it takes one
 * hop at most: to the caller's override, or to the app here.
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
 * The local step is what the key means once the manager has noticed that the override is gone: this
 * environment is above it in its chain.
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

/** `hold` falls back, too, once the wait is over. */
const fallsBack = (rule: OnUnavailable): boolean => rule !== 'fail'
