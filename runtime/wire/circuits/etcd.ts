import type { Deployment } from './delta.ts'
import type { DeployedCircuit } from './table.ts'
import type { Addresses } from './worker.ts'

/** The keys in etcd: circuits by key, workers by id, and what is true of all circuits. */
export const ETCD_KEYS = {
  circuits: '/branchline/circuits/',
  workers: '/branchline/workers/',
  /** Who may write: the value that a leader has claimed. */
  term: '/branchline/term',
  /** Which table the circuits are: an {@link EtcdEpoch}, written last. */
  epoch: '/branchline/epoch',
} as const

/** The keys that a worker follows: those of circuits and the epoch. */
export const ETCD_TABLE_RANGE = { from: ETCD_KEYS.circuits, to: `${ETCD_KEYS.epoch}\0` } as const

/** A circuit in etcd. Each (term, epoch) is that of its last change. */
export interface EtcdCircuit {
  readonly term: number
  readonly epoch: number
  readonly id: string
  readonly group: string
  readonly selector: Readonly<Record<string, string>>
  /** Absent: workers get it from the coordinator alone. */
  readonly circuit?: DeployedCircuit
}

/** `complete` is false while a change is being written, of which a part may be missing. */
export interface EtcdEpoch extends Deployment {
  readonly complete: boolean
}

/** A worker in etcd, for people and other programs. Its lease is what coordinators follow. */
export interface EtcdWorker {
  readonly name: string
  readonly group: string
  readonly version: string
  readonly addresses: Addresses
}

/** Reads the value of a circuit; undefined where it is none. The circuit itself is the coordinator's. */
export function readEtcdCircuit(value: string): EtcdCircuit | undefined {
  const fields = parse(value)
  const { term, epoch, id, group, selector, circuit } = fields
  if (!isNumber(term) || !isNumber(epoch) || typeof id !== 'string' || typeof group !== 'string')
    return undefined
  if (!isRecord(selector)) return undefined
  if (circuit !== undefined && !isCircuit(circuit, id)) return undefined
  return fields as unknown as EtcdCircuit
}

/** Reads the value of the epoch; undefined where it is none. */
export function readEtcdEpoch(value: string): EtcdEpoch | undefined {
  const fields = parse(value)
  const { instance, term, epoch, complete } = fields
  if (typeof instance !== 'string' || !isNumber(term) || !isNumber(epoch)) return undefined
  return typeof complete === 'boolean' ? { instance, term, epoch, complete } : undefined
}

function isCircuit(value: unknown, id: string): boolean {
  if (!isRecord(value) || value['id'] !== id || typeof value['key'] !== 'string') return false
  const { version, frontend, targets, access, limits } = value
  return isNumber(version) && Array.isArray(targets) && [frontend, access, limits].every(isRecord)
}

function parse(value: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(value)
    return isRecord(parsed) ? parsed : {}
  } catch {
    return {}
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
