import { createHash } from 'node:crypto'
import { durationMs as longDurationMs } from '@branchline/wire/duration'
import type { z } from 'zod'
import { type CircuitCreate, type CircuitPatch, settings } from '@branchline/wire/circuits/circuit'
import type { Fault } from '@branchline/wire/circuits/problem'
import type { TargetInput } from '@branchline/wire/circuits/target'
import type { CircuitSpec } from './rows.ts'

/** Returns the column `spec` of a new circuit. */
export function specOfCreate(create: CircuitCreate): CircuitSpec {
  const { key: _key, frontend, targets: _targets, placement, ...settings } = create
  return {
    ...settings,
    ...(placement?.selector === undefined ? {} : { placement: { selector: placement.selector } }),
    ...(frontend.type === 'port' && frontend.port !== undefined ? { requestedPort: true } : {}),
  }
}

/**
 * Applies a merge patch (RFC 7396) to the column `spec`: null removes a field, objects are merged. Returns the faults of
 * the result, if it has any, such as an access without a type.
 */
export function patchSpec(
  spec: CircuitSpec,
  patch: CircuitPatch,
): { readonly spec: CircuitSpec; readonly faults: readonly Fault[] } {
  const { frontend: _frontend, targets: _targets, placement, ...fields } = patch
  const { requestedPort, drainUntilMs, ...before } = spec
  const { placement: placed, ...after } = mergePatch(before, {
    ...fields,
    placement: placement && { selector: placement.selector },
  }) as Omit<CircuitCreate, 'key' | 'frontend'>
  const checked = settings.partial().safeParse({ ...after, placement: placed })
  const merged = { ...after, placement: placed, requestedPort, drainUntilMs }
  return { spec: JSON.parse(JSON.stringify(merged)) as CircuitSpec, faults: faultsOf(checked.error) }
}

/** Returns the faults of a failed parse, with JSON pointers (RFC 6901). */
export const faultsOf = (error: z.ZodError | undefined, prefix = ''): Fault[] =>
  (error?.issues ?? []).map(({ path, message }) => ({
    pointer:
      prefix + path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
    detail: message,
  }))

/** RFC 7396. Objects that become empty stay. `undefined` means absent. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Milliseconds of a duration of the API, which may also be milliseconds (`500ms`). */
export const durationMs = (text: string): number =>
  text.endsWith('ms') ? Number(text.slice(0, -2)) : longDurationMs(text)

/** Returns the id of a target that has none: the same target always gets the same one. */
export function targetIdOf(target: TargetInput): string {
  if (target.id !== undefined) return target.id
  const { address, cluster, devbox } = target
  const text = address ?? devbox ?? JSON.stringify(cluster)
  const start = (address ?? cluster?.service ?? 'devbox')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 8)
  return start === '' ? hash : `${start.slice(0, 50)}-${hash}`
}
