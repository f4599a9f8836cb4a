import { isDeepStrictEqual } from 'node:util'
import type { WorkerFacts } from '@branchline/wire/circuits/worker'
import type { Tx } from '../store/store.ts'

type Ports = WorkerFacts['ports']

/** Gives a group the range of ports that its worker names. Circuits keep the ports that they have. */
export async function setGroupPorts(tx: Tx, group: string, ports: Ports): Promise<void> {
  if (ports === undefined) return
  const { from: port_from, to: port_to } = ports
  await tx
    .updateTable('worker_groups')
    .set({ port_from, port_to, updated_at: new Date() })
    .where('name', '=', group)
    .where((where) =>
      where.or([
        where('port_from', 'is distinct from', port_from),
        where('port_to', 'is distinct from', port_to),
      ]),
    )
    .execute()
}

/**
 * Follows what a worker of another process says: a group without a range gets the worker's, and a range that the worker
 * has changed becomes that of its group. Otherwise the range that an admin has set stays.
 */
export async function followPorts(tx: Tx, group: string, before: Ports, ports: Ports): Promise<void> {
  const row = await tx
    .selectFrom('worker_groups')
    .select('port_from')
    .where('name', '=', group)
    .executeTakeFirst()
  const hasChanged = before !== undefined && !isDeepStrictEqual(before, ports)
  if (row?.port_from === null || hasChanged) await setGroupPorts(tx, group, ports)
}
