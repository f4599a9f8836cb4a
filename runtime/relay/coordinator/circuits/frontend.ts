import type { Frontend } from '@branchline/wire/circuits/circuit'
import { refusal } from '@branchline/wire/circuits/problem'
import type { Tx } from '../store/store.ts'
import { fault } from './checks.ts'
import { COLLISION_DIGITS, defaultLabel, labelOnCollision, normaliseLabel } from './names.ts'
import { choosePort, isInRange } from './ports.ts'

/** The columns of a circuit's way in. */
export type FrontendColumns =
  | { readonly frontend: 'subdomain'; readonly host_label: string; readonly port: null }
  | { readonly frontend: 'port'; readonly host_label: null; readonly port: number }

/**
 * Gives a new circuit its host label or port. Changes run one after another, so no other circuit can take it at the
 * same time. Throws refusals.
 */
export async function allocateFrontend(
  tx: Tx,
  key: string,
  frontend: Frontend,
  group: string,
): Promise<FrontendColumns> {
  if (frontend.type === 'port') {
    return { frontend: 'port', host_label: null, port: await allocatePort(tx, key, group, frontend.port) }
  }
  return { frontend: 'subdomain', host_label: await allocateLabel(tx, key, frontend.label), port: null }
}

async function allocateLabel(tx: Tx, key: string, wanted: string | undefined): Promise<string> {
  const label = wanted === undefined ? defaultLabel(key) : checkedLabel(wanted)
  const candidates = [label, ...COLLISION_DIGITS.map((digits) => labelOnCollision(label, key, digits))]
  const rows = await tx
    .selectFrom('circuits')
    .select('host_label')
    .where('host_label', 'in', candidates)
    .execute()
  const taken = new Set(rows.map(({ host_label }) => host_label))
  const free = candidates.find((candidate) => !taken.has(candidate))
  if (free === undefined)
    throw refusal('already-exists', { detail: `Another circuit has the label ${label}.` })
  return free
}

function checkedLabel(wanted: string): string {
  const result = normaliseLabel(wanted)
  if ('label' in result) return result.label
  throw refusal('invalid-fields', { errors: [fault('/frontend/label', result.fault)] })
}

async function allocatePort(tx: Tx, key: string, group: string, wanted: number | undefined): Promise<number> {
  const row = await tx.selectFrom('worker_groups').selectAll().where('name', '=', group).executeTakeFirst()
  if (row?.port_from === null || row?.port_to === null || row === undefined) {
    const detail = `the worker group ${group} has no range of ports: start its workers with --ports, such as --ports 30000-30999, or have an admin set it with PUT /api/v1/groups/${group}`
    throw refusal('invalid-fields', { errors: [fault('/frontend/type', detail)] })
  }
  const range = { from: row.port_from, to: row.port_to }
  const text = `${range.from}-${range.to}`
  if (wanted !== undefined && !isInRange(range, wanted)) {
    const detail = `${wanted} is not in the range ${text} of the worker group ${group}`
    throw refusal('invalid-fields', { errors: [fault('/frontend/port', detail)] })
  }
  const taken = await takenPorts(tx, group)
  if (wanted !== undefined) {
    if (!taken.has(wanted)) return wanted
    throw refusal('port-taken', {
      detail: `Another circuit has the port ${wanted} of the worker group ${group}.`,
      remedy: 'Leave the port out, so that the relay chooses a free one, or ask for another one.',
    })
  }
  const port = choosePort(key, range, taken)
  if (port !== undefined) return port
  throw refusal('ports-exhausted', {
    detail: `All ports ${text} of the worker group ${group} are in use.`,
    remedy: 'Remove circuits that are not needed, or have an admin widen the range.',
  })
}

/** The ports that circuits of a group have. */
export async function takenPorts(tx: Pick<Tx, 'selectFrom'>, group: string): Promise<Set<number>> {
  const rows = await tx
    .selectFrom('circuits')
    .select('port')
    .where('worker_group', '=', group)
    .where('port', 'is not', null)
    .execute()
  return new Set(rows.map(({ port }) => port as number))
}

/** Gives a circuit exactly these further host names. Throws a refusal if another circuit has one of them. */
export async function setHosts(tx: Tx, circuitId: string, hosts: readonly string[]): Promise<void> {
  await tx.deleteFrom('hosts').where('circuit_id', '=', circuitId).execute()
  if (hosts.length === 0) return
  const taken = await tx.selectFrom('hosts').select('host').where('host', 'in', hosts).execute()
  if (taken.length > 0) {
    throw refusal('already-exists', {
      detail: `Another circuit has the host name ${taken.map(({ host }) => host).join(', ')}.`,
    })
  }
  await tx
    .insertInto('hosts')
    .values(hosts.map((host) => ({ host, circuit_id: circuitId })))
    .execute()
}
