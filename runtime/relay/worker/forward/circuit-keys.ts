import type { DeployedCircuit, WorkerTable } from '@branchline/wire/circuits/table'

/** Finds the circuits of the current table by their keys. */
export class CircuitKeys {
  readonly #table: () => Pick<WorkerTable, 'circuits'>
  #indexed: WorkerTable['circuits'] | undefined
  #byKey = new Map<string, DeployedCircuit>()

  constructor(table: () => Pick<WorkerTable, 'circuits'>) {
    this.#table = table
  }

  /** Tables are immutable, so a part that has not changed is the same object. */
  find(key: string): DeployedCircuit | undefined {
    const { circuits } = this.#table()
    if (circuits !== this.#indexed) {
      this.#byKey = new Map([...circuits.values()].map((circuit) => [circuit.key, circuit]))
      this.#indexed = circuits
    }
    return this.#byKey.get(key)
  }
}
