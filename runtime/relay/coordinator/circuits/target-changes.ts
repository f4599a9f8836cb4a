import type { z } from 'zod'
import type { targetBulkResult } from '@branchline/wire/circuits/bulk'
import type { Received } from '@branchline/wire/circuits/operations'
import { type ProblemError, refusal } from '@branchline/wire/circuits/problem'
import type { Target, TargetInput, TargetPatch } from '@branchline/wire/circuits/target'
import type { Change } from '../store/store.ts'
import { actorOf, type Caller } from './caller.ts'
import { finishChange, type IfMatch, loadForChange } from './change.ts'
import type { CircuitContext } from './context.ts'
import { type StoredCircuit, targetSpecOf, type TargetRow, toTarget } from './rows.ts'
import { targetIdOf } from './spec.ts'
import {
  checkTargetCount,
  isPlanned,
  patchTarget as patched,
  planTarget,
  planTargets,
  putTarget as putRow,
  refuseFaults,
  replaceTargets,
} from './targets.ts'

type Bulk = Received<'changeTargets', 'body'>
type BulkResult = z.infer<typeof targetBulkResult>['results'][number]

/** A result, and the version of the circuit that has it. */
export interface AtVersion<T> {
  readonly value: T
  readonly version: number
}

/** What changes of targets have in common. */
export interface TargetChange {
  readonly context: CircuitContext
  readonly caller: Caller
  readonly key: string
  readonly ifMatch: IfMatch
}

/** One change of the targets of a circuit: `true` if it has changed something. */
type Work<T> = (
  change: Change,
  stored: StoredCircuit,
) => Promise<readonly [changed: boolean, (now: StoredCircuit) => T]>

async function changeTargetsBy<T>(
  { context, caller, key, ifMatch }: TargetChange,
  action: string,
  work: Work<T>,
): Promise<AtVersion<T>> {
  const { value } = await context.store.change(actorOf(caller), async (change) => {
    const before = await loadForChange(change.tx, caller, key, ifMatch)
    const [changed, resultOf] = await work(change, before)
    if (!changed) change.unchanged()
    const now = changed ? await finishChange(change, context, before, action) : before
    return { value: resultOf(now), version: now.row.version }
  })
  return value
}

const find = (stored: StoredCircuit, id: string): TargetRow | undefined =>
  stored.targets.find((target) => target.id === id)

const shown = (stored: StoredCircuit, id: string): Target =>
  toTarget(find(stored, id) as TargetRow, stored.reports)

const nextPosition = ({ targets }: StoredCircuit): number => (targets.at(-1)?.position ?? -1) + 1

/** Replaces all targets. */
export const replaceAll = (
  at: TargetChange,
  inputs: readonly TargetInput[],
): Promise<AtVersion<{ items: Target[] }>> =>
  changeTargetsBy(at, 'target.replace', async ({ tx }, stored) => {
    const { planned, faults } = await planTargets(tx, at.context, at.caller, inputs, '/items')
    refuseFaults(faults)
    const same =
      planned.length === stored.targets.length &&
      planned.every(
        (plan, index) => stored.targets[index]?.id === plan.id && isSame(find(stored, plan.id), plan),
      )
    if (!same) await replaceTargets(tx, stored.row.id, planned)
    return [!same, (now) => ({ items: now.targets.map((target) => toTarget(target, now.reports)) })]
  })

/** Adds a target, or replaces it. `created`: it is new. */
export const putTarget = (
  at: TargetChange,
  id: string,
  input: TargetInput,
): Promise<AtVersion<{ target: Target; created: boolean }>> =>
  changeTargetsBy(at, 'target.put', async ({ tx }, stored) => {
    if (input.id !== undefined && input.id !== id) {
      refuseFaults([{ pointer: '/id', detail: `the path says ${id}` }])
    }
    const { planned, faults } = await planTarget(tx, at.context, at.caller, { ...input, id })
    refuseFaults(faults)
    const before = find(stored, id)
    const changed = !isSame(before, planned)
    if (before === undefined) checkTargetCount(stored.targets.length + 1)
    if (changed) await putRow(tx, stored.row.id, planned, before?.position ?? nextPosition(stored))
    return [changed, (now) => ({ target: shown(now, id), created: before === undefined })]
  })

/** Changes a target. */
export const patchTarget = (at: TargetChange, id: string, patch: TargetPatch): Promise<AtVersion<Target>> =>
  changeTargetsBy(at, 'target.change', async ({ tx }, stored) => {
    const before = find(stored, id)
    if (before === undefined) throw noTarget(at.key, id)
    const spec = targetSpecOf(before)
    if (patch.address !== undefined && spec.address === undefined) {
      refuseFaults([{ pointer: '/address', detail: 'the target has another kind: replace it with PUT' }])
    }
    const input = patched({ id, spec, weight: before.weight }, patch)
    const { planned, faults } = await planTarget(tx, at.context, at.caller, input)
    refuseFaults(patch.address === undefined ? [] : faults)
    const state = patch.draining === undefined ? before.state : patch.draining ? 'draining' : 'active'
    const changed =
      state !== before.state ||
      !isPlanned(
        { ...before, draining: false, spec },
        { ...planned, spec: patch.address === undefined ? spec : planned.spec },
      )
    if (changed) {
      await tx
        .updateTable('targets')
        .set({
          weight: planned.weight,
          state,
          ...(patch.address === undefined ? {} : { spec: JSON.stringify(planned.spec) }),
        })
        .where('circuit_id', '=', stored.row.id)
        .where('id', '=', id)
        .execute()
    }
    return [changed, (now) => shown(now, id)]
  })

/** Removes a target, if there is one. */
export const deleteTarget = (at: TargetChange, id: string): Promise<AtVersion<undefined>> =>
  changeTargetsBy(at, 'target.delete', async (change, stored) => {
    const changed = await remove(change, stored, id)
    return [changed, () => undefined]
  })

/** Adds, replaces and removes targets in one change. Each has a result of its own. */
export const changeTargets = (
  at: TargetChange,
  { put = [], delete: ids = [] }: Bulk,
): Promise<AtVersion<BulkResult[]>> =>
  changeTargetsBy(at, 'target.bulk', async (change, stored) => {
    const results: ((now: StoredCircuit) => BulkResult)[] = []
    let changed = false
    let count = stored.targets.length
    let position = nextPosition(stored)
    for (const [index, input] of put.entries()) {
      const id = targetIdOf(input)
      const before = find(stored, id)
      const { planned, faults } = await planTarget(change.tx, at.context, at.caller, input, `/put/${index}`)
      const problem =
        faults.length > 0 ? refusal('invalid-fields', { errors: faults }) : tooMany(before, count + 1)
      if (problem !== undefined) {
        results.push(() => ({ id, status: problem.status, problem: problem.problem }))
        continue
      }
      if (before === undefined) count++
      if (!isSame(before, planned)) {
        changed = true
        await putRow(change.tx, stored.row.id, planned, before?.position ?? position++)
      }
      results.push((now) => {
        const target = find(now, id)
        const status = before === undefined ? 201 : 200
        return target === undefined ? { id, status } : { id, status, target: toTarget(target, now.reports) }
      })
    }
    for (const id of ids) {
      if (await remove(change, stored, id)) changed = true
      results.push(() => ({ id, status: 204 }))
    }
    return [changed, (now) => results.map((result) => result(now))]
  })

function tooMany(before: TargetRow | undefined, count: number): ProblemError | undefined {
  if (before !== undefined) return undefined
  try {
    checkTargetCount(count)
    return undefined
  } catch (error) {
    return error as ProblemError
  }
}

async function remove({ tx }: Change, { row }: StoredCircuit, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('targets')
    .where('circuit_id', '=', row.id)
    .where('id', '=', id)
    .executeTakeFirst()
  return numDeletedRows > 0n
}

const isSame = (before: TargetRow | undefined, planned: Parameters<typeof isPlanned>[1]): boolean =>
  before !== undefined &&
  isPlanned({ ...before, draining: before.state === 'draining', spec: targetSpecOf(before) }, planned)

const noTarget = (key: string, id: string): ProblemError =>
  refusal('not-found', { detail: `The circuit ${JSON.stringify(key)} has no target ${JSON.stringify(id)}.` })
