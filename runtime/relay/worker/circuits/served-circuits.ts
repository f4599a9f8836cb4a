import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { DialPolicy } from '../../dial-policy.ts'
import type { EditOptions } from '../visitors/head-edits.ts'
import { CircuitMetrics } from './circuit-metrics.ts'
import { stateOf } from './circuit-state.ts'
import { ServedCircuit } from './served-circuit.ts'
import type { TargetReport } from './target-report.ts'
import { Usages } from './usage.ts'

/** What leads from one set of circuits to the next, as in `TableDelta` (wire/circuits/delta.ts). */
export interface CircuitChanges {
  readonly upsert?: readonly DeployedCircuit[] | undefined
  readonly remove?: readonly string[] | undefined
}

/** Whether a circuit can be served: an entry of `circuits` messages (wire/circuits/messages.ts). */
export interface CircuitReport {
  readonly id: string
  readonly version: number
  /** Why it cannot, as a sentence. Absent: it can again. */
  readonly reason?: string
}

export interface ServedCircuitsOptions {
  readonly policy: DialPolicy
  readonly edits: EditOptions
  /** The most circuits with metrics of their own. */
  readonly series?: number | undefined
  /** A circuit of the table cannot be served, or can again. */
  readonly onCircuit: (report: CircuitReport) => void
}

/** Learns what becomes of circuits. */
export interface CircuitListener {
  /** New, or another version. */
  served(served: ServedCircuit): void
  removed(served: ServedCircuit): void
}

/** All circuits of this worker, by id and by host. A change touches only the circuits that it names. */
export class ServedCircuits {
  readonly metrics: CircuitMetrics
  readonly usages = new Usages()
  readonly #options: ServedCircuitsOptions
  readonly #byId = new Map<string, ServedCircuit>()
  /** By label below the domain, and by complete host name (which contains a dot). */
  readonly #byHost = new Map<string, ServedCircuit>()
  readonly #listeners = new Set<CircuitListener>()

  /** Circuits of the table that cannot be served. */
  readonly #faulty = new Map<string, DeployedCircuit>()

  constructor(options: ServedCircuitsOptions) {
    this.#options = options
    this.metrics = new CircuitMetrics(() => stateOf(this.#byId.values(), this.#faulty.size), options.series)
  }

  get size(): number {
    return this.#byId.size
  }

  /** Calls the listener for every circuit, now and at each change. */
  listen(listener: CircuitListener): void {
    this.#listeners.add(listener)
    for (const served of this.#byId.values()) listener.served(served)
  }

  get(id: string): ServedCircuit | undefined {
    return this.#byId.get(id)
  }

  /** The circuit of a label below the domain, or of a complete host name in lower case. */
  at(host: string): ServedCircuit | undefined {
    return this.#byHost.get(host)
  }

  values(): Iterable<ServedCircuit> {
    return this.#byId.values()
  }

  /** The last report about the health of each target, for a coordinator that has just connected. */
  targetReports(): TargetReport[] {
    const targets = [...this.#byId.values()].flatMap((served) => served.targets)
    return targets.flatMap(({ report }) => report ?? [])
  }

  /** Serves the circuits of a whole table. Those that are the same objects as before are left alone. */
  replace(circuits: ReadonlyMap<string, DeployedCircuit>): void {
    const remove = [...this.#byId.keys(), ...this.#faulty.keys()].filter((id) => !circuits.has(id))
    const upsert = [...circuits.values()].filter((circuit) => !this.#has(circuit))
    this.apply({ upsert, remove })
  }

  /** Applies changes. First all that frees hosts and ports, so that another circuit can have them. */
  apply({ upsert = [], remove = [] }: CircuitChanges): void {
    for (const id of remove) this.#remove(id)
    for (const { id } of upsert) this.#release(this.#byId.get(id))
    for (const circuit of upsert) this.#tryToServe(circuit)
  }

  #has(circuit: DeployedCircuit): boolean {
    const { id } = circuit
    return this.#byId.get(id)?.circuit === circuit || this.#faulty.get(id) === circuit
  }

  /** A circuit that this version cannot read is not served at all, and harms no other circuit. */
  #tryToServe(circuit: DeployedCircuit): void {
    const { id, version } = circuit
    try {
      this.#serve(circuit)
      if (this.#faulty.delete(id)) this.#options.onCircuit({ id, version })
    } catch (error) {
      this.#remove(id)
      this.#faulty.set(id, circuit)
      this.#options.onCircuit({
        id,
        version,
        reason: `The circuit is not valid: ${(error as Error).message}.`,
      })
    }
  }

  #serve(circuit: DeployedCircuit): void {
    const known = this.#byId.get(circuit.id)
    const served = known ?? this.#make(circuit)
    if (known !== undefined) known.update(circuit)
    const { frontend } = circuit
    if (frontend.type === 'subdomain') for (const host of frontend.hosts) this.#byHost.set(host, served)
    for (const listener of this.#listeners) listener.served(served)
  }

  #make(circuit: DeployedCircuit): ServedCircuit {
    const usage = this.usages.of(circuit.id)
    const counts = this.metrics.of(circuit.key)
    const { policy, edits } = this.#options
    const served = new ServedCircuit(circuit, { policy, edits, usage, counts })
    this.#byId.set(circuit.id, served)
    return served
  }

  #remove(id: string): void {
    this.#faulty.delete(id)
    const served = this.#byId.get(id)
    if (served === undefined) return
    this.#release(served)
    this.#byId.delete(id)
    this.metrics.forget(served.circuit.key, served.counts)
    for (const listener of this.#listeners) listener.removed(served)
  }

  #release(served: ServedCircuit | undefined): void {
    if (served?.circuit.frontend.type !== 'subdomain') return
    for (const host of served.circuit.frontend.hosts) {
      if (this.#byHost.get(host) === served) this.#byHost.delete(host)
    }
  }
}
