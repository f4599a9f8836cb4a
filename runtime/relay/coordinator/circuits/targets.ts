import { MAX_TARGETS } from '@branchline/wire/circuits/fields'
import { type Fault, refusal } from '@branchline/wire/circuits/problem'
import type { Target, TargetInput, TargetPatch } from '@branchline/wire/circuits/target'
import type { Tx } from '../store/store.ts'
import { type Caller, hasScope } from './caller.ts'
import { fault, targetFaults } from './checks.ts'
import type { CircuitContext } from './context.ts'
import { shownCluster, type TargetSpec } from './rows.ts'
import { targetIdOf } from './spec.ts'

/** A target that the store can keep. */
export interface PlannedTarget {
  readonly id: string
  readonly kind: 'address' | 'cluster' | 'devbox'
  readonly spec: TargetSpec
  readonly weight: number
}

/** Plans targets, and returns all faults of all of them. `pointers` are their places in the body. */
export async function planTargets(
  tx: Tx,
  context: CircuitContext,
  caller: Caller,
  inputs: readonly TargetInput[],
  pointer = '/targets',
): Promise<{ readonly planned: PlannedTarget[]; readonly faults: Fault[] }> {
  const planned: PlannedTarget[] = []
  const faults: Fault[] = []
  for (const [index, input] of inputs.entries()) {
    const at = `${pointer}/${index}`
    const result = await planTarget(tx, context, caller, input, at)
    if (planned.some(({ id }) => id === result.planned.id)) {
      faults.push(fault(`${at}/id`, `another target of the list has the id ${result.planned.id}`))
    }
    planned.push(result.planned)
    faults.push(...result.faults)
  }
  return { planned, faults }
}

/** Plans one target. `pointer` is its place in the body. */
export async function planTarget(
  tx: Tx,
  context: CircuitContext,
  caller: Caller,
  input: TargetInput,
  pointer = '',
): Promise<{ readonly planned: PlannedTarget; readonly faults: Fault[] }> {
  const { address, cluster, devbox, weight } = input
  const faults = targetFaults(input, pointer, context)
  const base = { id: targetIdOf(input), weight }
  if (address !== undefined) return { planned: { ...base, kind: 'address', spec: { address } }, faults }
  if (cluster === undefined)
    return { planned: { ...base, kind: 'devbox', spec: devbox === undefined ? {} : { devbox } }, faults }
  const found = await credentialOf(tx, caller, cluster.name)
  if ('fault' in found) faults.push(fault(`${pointer}/cluster/name`, found.fault))
  const spec = { cluster: 'fault' in found ? cluster : { ...cluster, ...found } }
  return { planned: { ...base, kind: 'cluster', spec }, faults }
}

/**
 * Finds the cluster that a key may use as a target. A service of a cluster is not public by itself, so the key needs
 * `clusters:write`.
 */
async function credentialOf(
  tx: Tx,
  caller: Caller,
  name: string,
): Promise<{ readonly credential: string } | { readonly fault: string }> {
  if (!hasScope(caller, 'clusters:write')) {
    return { fault: 'only a key with the scope clusters:write may name services of clusters' }
  }
  const found = await tx.selectFrom('clusters').select('credential').where('name', '=', name).execute()
  const [first, second] = found
  if (first === undefined) return { fault: `no cluster named ${name} has connected to this relay yet` }
  if (second !== undefined) return { fault: `several credentials have a cluster named ${name}` }
  return { credential: first.credential }
}

/** Throws a refusal if there are faults. */
export function refuseFaults(faults: readonly Fault[]): void {
  if (faults.length > 0) throw refusal('invalid-fields', { errors: faults })
}

/** Replaces all targets of a circuit. A target with the same id keeps its age. */
export async function replaceTargets(
  tx: Tx,
  circuitId: string,
  planned: readonly PlannedTarget[],
): Promise<void> {
  const ids = planned.map(({ id }) => id)
  const others = tx.deleteFrom('targets').where('circuit_id', '=', circuitId)
  await (ids.length === 0 ? others : others.where('id', 'not in', ids)).execute()
  for (const [position, target] of planned.entries()) await putTarget(tx, circuitId, target, position)
}

/** Adds a target, or replaces the one with its id. */
export async function putTarget(
  tx: Tx,
  circuitId: string,
  { id, kind, spec, weight }: PlannedTarget,
  position: number,
): Promise<void> {
  const values = { kind, spec: JSON.stringify(spec), weight, position, state: 'active' as const }
  await tx
    .insertInto('targets')
    .values({ circuit_id: circuitId, id, ...values })
    .onConflict((conflict) => conflict.columns(['circuit_id', 'id']).doUpdateSet(values))
    .execute()
}

/** Whether a target is already as planned. */
export function isPlanned(
  target: Pick<Target, 'id' | 'weight' | 'draining'> & { readonly spec: object },
  planned: PlannedTarget,
): boolean {
  return (
    target.id === planned.id &&
    target.weight === planned.weight &&
    !target.draining &&
    sameJson(target.spec, planned.spec)
  )
}

/** Applies a patch to a target. */
export function patchTarget(
  target: { readonly id: string; readonly spec: TargetSpec; readonly weight: number },
  { weight, address }: TargetPatch,
): TargetInput {
  const { cluster, devbox } = target.spec
  return {
    id: target.id,
    ...(address === undefined
      ? target.spec.address !== undefined && { address: target.spec.address }
      : { address }),
    ...(cluster !== undefined && { cluster: shownCluster(cluster) }),
    ...(devbox !== undefined && { devbox }),
    weight: weight ?? target.weight,
  }
}

/** Throws a refusal if a circuit would have too many targets. */
export function checkTargetCount(count: number): void {
  if (count <= MAX_TARGETS) return
  throw refusal('invalid-fields', {
    errors: [fault('', `a circuit has at most ${MAX_TARGETS} targets, and this would make ${count}`)],
  })
}

/** Compares JSON values; the order of fields does not matter, because PostgreSQL does not keep it. */
export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]))
}
