import type { Circuit, CircuitPatch } from '@branchline/wire/circuits/circuit'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Change, Tx } from '../store/store.ts'
import { actorOf, type Caller, noCircuit, owns } from './caller.ts'
import { circuitFaults, fault } from './checks.ts'
import type { CircuitContext } from './context.ts'
import { checkedGroup, snapshotOf, ttlOf } from './create.ts'
import { setHosts } from './frontend.ts'
import { loadCircuit } from './load.ts'
import { type CircuitSpec, settingsOf, specOf, type StoredCircuit, targetSpecOf, toCircuit } from './rows.ts'
import { patchSpec } from './spec.ts'
import { refreshStatus } from './statuses.ts'
import { isPlanned, planTargets, refuseFaults, replaceTargets, sameJson } from './targets.ts'

/** The version that a change is for. Undefined: any. */
export type IfMatch = number | undefined

/** Loads a circuit of the caller for a change. Throws refusals: 404, and 412 if it has another version. */
export async function loadForChange(
  tx: Tx,
  caller: Caller,
  key: string,
  ifMatch: IfMatch,
): Promise<StoredCircuit> {
  const stored = await loadCircuit(tx, key)
  if (stored === undefined || !owns(caller, stored.row)) throw noCircuit(key)
  const { version } = stored.row
  if (ifMatch === undefined || ifMatch === version) return stored
  throw refusal('precondition-failed', {
    detail: `The circuit has version ${version}, and the change is for version ${ifMatch}.`,
    remedy: 'Get the circuit again, apply your change to it, and send its ETag.',
  })
}

/** Changes a circuit of the caller by a merge patch (RFC 7396). A patch that changes nothing keeps the version. */
export async function patchCircuit(
  context: CircuitContext,
  caller: Caller,
  key: string,
  patch: CircuitPatch,
  ifMatch: IfMatch,
): Promise<Circuit> {
  const { value } = await context.store.change(actorOf(caller), async (change) => {
    const stored = await loadForChange(change.tx, caller, key, ifMatch)
    return apply(change, context, caller, stored, patch)
  })
  return toCircuit(value, context)
}

async function apply(
  change: Change,
  context: CircuitContext,
  caller: Caller,
  stored: StoredCircuit,
  patch: CircuitPatch,
): Promise<StoredCircuit> {
  const { tx } = change
  const { row } = stored
  const { spec, faults } = patchSpec(specOf(row), patch)
  const hosts = patch.frontend?.hosts ?? stored.hosts
  refuseFaults([
    ...faults,
    ...combinationFaults(stored, spec, hosts, context),
    ...frontendFaults(stored, patch),
  ])
  const group = await groupOf(tx, stored, patch)
  const changedTargets = await changeTargets(tx, context, caller, stored, patch)
  const changedHosts = !sameJson([...hosts].sort(), [...stored.hosts].sort())
  if (changedHosts) await setHosts(tx, row.id, hosts)
  const changed = !sameJson(spec, row.spec) || group !== row.worker_group
  if (!changed && !changedHosts && !changedTargets) {
    change.unchanged()
    return stored
  }
  await tx
    .updateTable('circuits')
    .set({ spec: JSON.stringify(spec), worker_group: group, ttl_ms: ttlOf(spec.ttl) })
    .where('id', '=', row.id)
    .execute()
  if (settingsOf({ spec: { ...spec } }).access.type !== settingsOf(row).access.type)
    await endSessions(tx, row.id)
  return finishChange(change, context, stored, 'circuit.change')
}

/** Who had access under another rule has to prove the right again. */
const endSessions = (tx: Tx, circuit: string): Promise<unknown> =>
  tx.deleteFrom('sessions').where('circuit_id', '=', circuit).execute()

/** Ends a change of a circuit: next version, status, audit line. Returns the circuit as it is now. */
export async function finishChange(
  { tx, audit }: Change,
  context: CircuitContext,
  before: StoredCircuit,
  action: string,
): Promise<StoredCircuit> {
  const { id, key } = before.row
  await tx
    .updateTable('circuits')
    .set((eb) => ({ version: eb('version', '+', 1), updated_at: new Date() }))
    .where('id', '=', id)
    .execute()
  await refreshStatus(tx, [id])
  const stored = (await loadCircuit(tx, key)) as StoredCircuit
  audit({
    action,
    kind: 'circuit',
    id: key,
    before: snapshotOf(before, context),
    after: snapshotOf(stored, context),
  })
  return stored
}

const combinationFaults = (
  { row }: StoredCircuit,
  spec: CircuitSpec,
  hosts: readonly string[],
  context: CircuitContext,
): ReturnType<typeof circuitFaults> =>
  circuitFaults(
    {
      ...spec,
      frontend: row.frontend === 'port' ? { type: 'port' } : { type: 'subdomain', hosts: [...hosts] },
    },
    context,
  )

function frontendFaults({ row }: StoredCircuit, patch: CircuitPatch): ReturnType<typeof circuitFaults> {
  if (row.frontend !== 'port' || patch.frontend?.hosts === undefined) return []
  return [fault('/frontend/hosts', 'a port circuit has no host names')]
}

async function groupOf(tx: Tx, { row }: StoredCircuit, { placement }: CircuitPatch): Promise<string> {
  const wanted = placement === null ? 'default' : placement?.group === null ? 'default' : placement?.group
  if (wanted === undefined || wanted === row.worker_group) return row.worker_group
  if (row.frontend === 'port') {
    const detail = 'the port belongs to the group: remove the circuit, and create it in the other group'
    throw refusal('invalid-fields', { errors: [fault('/placement/group', detail)] })
  }
  return checkedGroup(tx, wanted)
}

async function changeTargets(
  tx: Tx,
  context: CircuitContext,
  caller: Caller,
  stored: StoredCircuit,
  { targets }: CircuitPatch,
): Promise<boolean> {
  if (targets === undefined) return false
  const { planned, faults } = await planTargets(tx, context, caller, targets)
  refuseFaults(faults)
  if (samePlan(stored, planned)) return false
  await replaceTargets(tx, stored.row.id, planned)
  return true
}

const samePlan = ({ targets }: StoredCircuit, planned: Parameters<typeof replaceTargets>[2]): boolean =>
  targets.length === planned.length &&
  planned.every((plan, index) => {
    const target = targets[index]
    return (
      target !== undefined &&
      isPlanned({ ...target, draining: target.state === 'draining', spec: targetSpecOf(target) }, plan)
    )
  })
