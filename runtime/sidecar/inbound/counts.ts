import type { Decision } from '../route/decide.ts'
import { callerAddress, type ForeignId, type FoundKey } from '../route/key.ts'
import type { Listener } from '../table/table.ts'
import type { SidecarContext } from './context.ts'
import type { RequestContext, RouteContext } from './routed.ts'

/** What a request is counted by. */
interface Arrival {
  readonly listener: Listener | undefined
  readonly decision: Decision
  readonly found: FoundKey | ForeignId | undefined
  /** Whether another sidecar sent it. */
  readonly routed: boolean
  readonly remoteAddress: string | undefined
}

/** Begins to count a request by its key and its caller. Ports that the table does not know are not counted. */
export function beginCount(
  { recorder }: SidecarContext,
  { listener, decision, found, routed, remoteAddress }: Arrival,
): Pick<RequestContext, 'from' | 'begun'> {
  if (listener === undefined) return UNCOUNTED
  // An id of an environment that is not known here is neither a key nor none.
  const isForeign = found !== undefined && found.key === undefined
  const from = routed || isForeign || remoteAddress === undefined ? undefined : callerAddress(remoteAddress)
  const isServed = decision.steps[0]?.kind === 'local'
  const begun = isServed ? recorder.begin(found?.key !== undefined, performance.now()) : undefined
  return { from, begun }
}
const UNCOUNTED = { from: undefined, begun: undefined }

/** Counts a request that took this long. */
export function endCount(
  { recorder }: SidecarContext,
  { service, found, request: { from, begun } }: RouteContext,
  ms: number,
): void {
  const nowMs = performance.now()
  recorder.end({ service, key: found?.key, from, begun, arrivedAtMs: nowMs - ms }, nowMs)
}
