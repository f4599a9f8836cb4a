import type { Deployment } from '@branchline/wire/circuits/delta'
import {
  ETCD_KEYS,
  type EtcdCircuit,
  type EtcdEpoch,
  readEtcdCircuit,
  readEtcdEpoch,
} from '@branchline/wire/circuits/etcd'
import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { Entry } from '../../../etcd/range.ts'
import type { WatchEvent } from '../../../etcd/watch.ts'

/** The circuits of one worker, as etcd has them. */
export interface EtcdTable extends Deployment {
  readonly circuits: ReadonlyMap<string, DeployedCircuit>
  /** The ids of its circuits that only the coordinator sends. */
  readonly withheld: ReadonlySet<string>
}

/** Which circuits a worker serves. */
export interface Place {
  readonly group: string
  readonly labels: Readonly<Record<string, string>>
}

/** The keys of etcd that a worker follows, and the table that they make. Pure. */
export class EtcdTableReader {
  readonly #place: Place
  /** By key in etcd. Undefined: not readable. */
  readonly #circuits = new Map<string, EtcdCircuit | undefined>()
  #epoch: EtcdEpoch | undefined

  constructor(place: Place) {
    this.#place = place
  }

  /** Replaces everything. Returns the table, if it is complete. */
  reset(entries: readonly Entry[]): EtcdTable | undefined {
    this.#circuits.clear()
    this.#epoch = undefined
    for (const { key, value } of entries) this.#set(key, value)
    return this.#table()
  }

  /** Takes changes. Returns the table, if it is complete. */
  apply(events: readonly WatchEvent[]): EtcdTable | undefined {
    for (const { key, entry } of events) this.#set(key, entry?.value)
    return this.#table()
  }

  #set(key: string, value: string | undefined): void {
    if (key === ETCD_KEYS.epoch) this.#epoch = value === undefined ? undefined : readEtcdEpoch(value)
    else if (value === undefined) this.#circuits.delete(key)
    else this.#circuits.set(key, readEtcdCircuit(value))
  }

  #table(): EtcdTable | undefined {
    if (this.#epoch?.complete !== true) return undefined
    const { instance, term, epoch } = this.#epoch
    const circuits = new Map<string, DeployedCircuit>()
    const withheld = new Set<string>()
    for (const entry of this.#circuits.values()) {
      // What cannot be read makes the whole table one that cannot.
      if (entry === undefined) return undefined
      if (!isFor(entry, this.#place)) continue
      if (entry.circuit === undefined) withheld.add(entry.id)
      else circuits.set(entry.id, entry.circuit)
    }
    return { instance, term, epoch, circuits, withheld }
  }
}

const isFor = ({ group, selector }: EtcdCircuit, place: Place): boolean =>
  group === place.group && Object.entries(selector).every(([name, value]) => place.labels[name] === value)
