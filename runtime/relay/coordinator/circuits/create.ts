import type { Circuit, CircuitCreate } from '@branchline/wire/circuits/circuit'
import { DEFAULT_GROUP } from '@branchline/wire/circuits/circuit'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Change, Tx } from '../store/store.ts'
import { actorOf, type Caller } from './caller.ts'
import { circuitFaults, fault } from './checks.ts'
import type { CircuitContext } from './context.ts'
import { allocateFrontend, setHosts } from './frontend.ts'
import { loadCircuit } from './load.ts'
import { type StoredCircuit, toCircuit } from './rows.ts'
import { durationMs, specOfCreate } from './spec.ts'
import { refreshStatus } from './statuses.ts'
import { planTargets, refuseFaults, replaceTargets } from './targets.ts'

/** The prefix of keys that clusters' previews have. */
export const PREVIEW_KEY_PREFIX = 'preview/'

/** Creates a circuit of the caller. Rejects with a refusal. */
export async function createCircuit(
  context: CircuitContext,
  caller: Caller,
  create: CircuitCreate,
): Promise<Circuit> {
  const faults = circuitFaults(create, context)
  if (create.key.startsWith(PREVIEW_KEY_PREFIX)) {
    faults.push(fault('/key', `keys that start with ${PREVIEW_KEY_PREFIX} belong to previews of clusters`))
  }
  refuseFaults(faults)
  const { value } = await context.store.change(actorOf(caller), (change) =>
    insert(change, context, caller, create),
  )
  return toCircuit(value, context)
}

async function insert(
  { tx, audit }: Change,
  context: CircuitContext,
  caller: Caller,
  create: CircuitCreate,
): Promise<StoredCircuit> {
  const { key, frontend, targets = [] } = create
  await refuseKnownKey(tx, key)
  const group = await checkedGroup(tx, create.placement?.group ?? DEFAULT_GROUP)
  const { planned, faults } = await planTargets(tx, context, caller, targets)
  refuseFaults(faults)
  const { id } = await tx
    .insertInto('circuits')
    .values({
      key,
      owner: JSON.stringify([{ type: 'key', id: caller.keyId }]),
      ...(await allocateFrontend(tx, key, frontend, group)),
      worker_group: group,
      spec: JSON.stringify(specOfCreate(create)),
      ttl_ms: ttlOf(create.ttl),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  if (frontend.type === 'subdomain') await setHosts(tx, id, frontend.hosts ?? [])
  await replaceTargets(tx, id, planned)
  await refreshStatus(tx, [id])
  const stored = (await loadCircuit(tx, key)) as StoredCircuit
  audit({ action: 'circuit.create', kind: 'circuit', id: key, after: snapshotOf(stored, context) })
  return stored
}

async function refuseKnownKey(tx: Tx, key: string): Promise<void> {
  const known = await tx
    .selectFrom('circuits')
    .select('id')
    .where('key', '=', key)
    .where('state', '<>', 'removed')
    .executeTakeFirst()
  if (known === undefined) return
  throw refusal('already-exists', {
    detail: `A circuit with the key ${JSON.stringify(key)} exists.`,
    remedy: 'Change it with PATCH, or choose another key.',
  })
}

/** Returns the group, or throws a refusal if there is none of the name. */
export async function checkedGroup(tx: Tx, name: string): Promise<string> {
  const group = await tx
    .selectFrom('worker_groups')
    .select('name')
    .where('name', '=', name)
    .executeTakeFirst()
  if (group !== undefined) return name
  const detail = `there is no worker group named ${name}`
  throw refusal('invalid-fields', { errors: [fault('/placement/group', detail)] })
}

/** The ttl in milliseconds. `0s` means never. */
export function ttlOf(ttl: string | undefined): number | null {
  const ms = ttl === undefined ? 0 : durationMs(ttl)
  return ms > 0 ? ms : null
}

/** What the audit log keeps of a circuit: what clients have set. */
export function snapshotOf(stored: StoredCircuit, context: CircuitContext): object {
  const {
    status: _status,
    statusReason: _reason,
    statusSince: _since,
    workers: _workers,
    requests: _requests,
    lastAccessAt: _last,
    targets,
    ...circuit
  } = toCircuit(stored, context)
  return {
    ...circuit,
    targets: targets.map(({ status: _s, statusReason: _r, statusSince: _t, ...target }) => target),
  }
}
