import type { TableChange } from '@branchline/wire/routes/delta'
import type { SidecarTable } from '../plan/plan.ts'

/** All sidecars of an environment share their callers, so the JSON of the callers is created once. */
const shared = new WeakMap<object, string>()

function callersText(callers: object): string {
  const known = shared.get(callers)
  if (known !== undefined) return known
  const text = JSON.stringify(callers)
  shared.set(callers, text)
  return text
}

/** A `snapshot` message (wire/routes). */
export function snapshotText(epoch: number, { environment, listeners, callers }: SidecarTable): string {
  const table = `"environment":${JSON.stringify(environment)},"listeners":${JSON.stringify(listeners)}`
  return `{"type":"snapshot","explains":true,"observes":true,"table":{"epoch":${epoch},${table},"callers":${callersText(callers)}}}`
}

/** A `delta` message (wire/routes). */
export function deltaText(from: number, epoch: number, { listeners, callers }: TableChange): string {
  const change = `"listeners":${JSON.stringify(listeners)},"callers":${callersText(callers)}`
  return `{"type":"delta","from":${from},"epoch":${epoch},${change}}`
}
