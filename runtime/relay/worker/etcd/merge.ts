import { isDeepStrictEqual } from 'node:util'
import type { Deployment } from '@branchline/wire/circuits/delta'
import { type DeployedCircuit, EMPTY_WORKER_TABLE } from '@branchline/wire/circuits/table'
import type { ServedTable } from '../upstream/protocol.ts'
import type { EtcdTable } from './etcd-table.ts'

/**
 * The table that applies: circuits are those of the source with the higher (term, epoch), the coordinator's if equal.
 * Everything else is the coordinator's. A table of another database than the coordinator's does not count.
 */
export function mergeTables(
  link: ServedTable | undefined,
  etcd: EtcdTable | undefined,
): ServedTable | undefined {
  if (etcd === undefined) return link
  const { instance, term, epoch } = etcd
  if (link !== undefined && (link.instance !== instance || !isHigher(etcd, link))) return link
  const table = link?.table ?? EMPTY_WORKER_TABLE
  return { instance, term, epoch, table: { ...table, circuits: overlay(table.circuits, etcd) } }
}

const isHigher = (one: Deployment, other: Deployment): boolean =>
  one.term > other.term || (one.term === other.term && one.epoch > other.epoch)

/** The circuits of etcd. Those that are equal are the same objects as before; withheld ones stay as they were. */
function overlay(
  before: ReadonlyMap<string, DeployedCircuit>,
  { circuits, withheld }: EtcdTable,
): ReadonlyMap<string, DeployedCircuit> {
  const merged = new Map<string, DeployedCircuit>()
  for (const [id, circuit] of circuits) {
    const old = before.get(id)
    merged.set(id, old !== undefined && isDeepStrictEqual(old, circuit) ? old : circuit)
  }
  for (const id of withheld) {
    const old = before.get(id)
    if (old !== undefined) merged.set(id, old)
  }
  return merged
}
