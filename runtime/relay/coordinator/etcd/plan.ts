import { isDeepStrictEqual } from 'node:util'
import type { Deployment } from '@branchline/wire/circuits/delta'
import { ETCD_KEYS, type EtcdCircuit, type EtcdEpoch, readEtcdCircuit } from '@branchline/wire/circuits/etcd'
import type { Entry } from '../../../etcd/range.ts'
import type { Write } from '../../../etcd/transaction.ts'
import type { PlacedCircuit } from '../workers/rows.ts'

/** The most operations of a transaction. etcd allows 128 by default (--max-txn-ops), of which two are the epoch's. */
const BATCH_WRITES = 100
/** The most characters of values in a transaction. etcd allows 1.5 MiB for a request (--max-request-bytes). */
const BATCH_CHARACTERS = 256 * 1024
/** A circuit with a longer value does not go through etcd. */
const CIRCUIT_CHARACTERS = 128 * 1024

/** The key of a circuit in etcd. */
export const keyOf = (key: string): string => ETCD_KEYS.circuits + key

/** The value of a circuit in etcd. One that sets request fields stays out of it: they may contain secrets. */
export function valueOf(placed: PlacedCircuit, { term, epoch }: Deployment): EtcdCircuit {
  const { circuit, group, selector } = placed
  const place = { term, epoch, id: circuit.id, group, selector }
  const isPrivate = Object.keys(circuit.rewrite?.headers ?? {}).length > 0
  if (isPrivate || JSON.stringify(circuit).length > CIRCUIT_CHARACTERS) return place
  return { ...place, circuit }
}

/** What makes etcd equal to the circuits: writes only what differs, and deletes what no circuit has. */
export function planAll(
  entries: readonly Entry[],
  circuits: ReadonlyMap<string, PlacedCircuit>,
  deployment: Deployment,
): Write[] {
  const known = new Map(entries.map(({ key, value }) => [key, value]))
  known.delete(ETCD_KEYS.epoch)
  const writes: Write[] = []
  for (const placed of circuits.values()) {
    const key = keyOf(placed.circuit.key)
    const value = valueOf(placed, deployment)
    const before = readEtcdCircuit(known.get(key) ?? '')
    known.delete(key)
    // As JSON has it: without fields that are undefined.
    const after = JSON.parse(JSON.stringify(value)) as EtcdCircuit
    const { term, epoch } = value
    if (!isDeepStrictEqual({ ...before, term, epoch }, after))
      writes.push({ key, value: JSON.stringify(value) })
  }
  return [...[...known.keys()].map((key) => ({ key })), ...writes]
}

/**
 * The transactions that make writes, in order. The last one completes the epoch. If there are several, each before it
 * says that the epoch is not complete.
 */
export function planTransactions(writes: readonly Write[], deployment: Deployment): Write[][] {
  const batches: Write[][] = [[]]
  let characters = 0
  for (const write of writes) {
    const length = write.value?.length ?? 0
    const last = batches.at(-1) as Write[]
    if (last.length > 0 && (last.length >= BATCH_WRITES || characters + length > BATCH_CHARACTERS)) {
      batches.push([write])
      characters = length
    } else {
      last.push(write)
      characters += length
    }
  }
  for (const batch of batches) batch.push(epochOf(deployment, batch === batches.at(-1)))
  return batches
}

const epochOf = ({ instance, term, epoch }: Deployment, complete: boolean): Write => ({
  key: ETCD_KEYS.epoch,
  value: JSON.stringify({ instance, term, epoch, complete } satisfies EtcdEpoch),
})
