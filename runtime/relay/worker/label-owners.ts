import type { TableDelta } from '@branchline/wire/circuits/delta'
import type { DeployedCircuit, WorkerTable } from '@branchline/wire/circuits/table'
import { idOf } from './clusters/cluster.ts'

/** To which cluster each host label belongs, by the table. */
export class LabelOwners {
  readonly #owners = new Map<string, string>()
  /** By circuit: its labels. */
  readonly #labels = new Map<string, readonly string[]>()

  /** The id of the cluster to which a label belongs. */
  get(label: string): string | undefined {
    return this.#owners.get(label)
  }

  /** The number of labels of clusters. */
  get size(): number {
    return this.#owners.size
  }

  /** The ids of all clusters to which a label belongs. */
  clusters(): Set<string> {
    return new Set(this.#owners.values())
  }

  /** Takes what has changed in the table. Returns the labels that may have another owner now. */
  update(table: WorkerTable, { circuits }: TableDelta): Set<string> {
    const changed = new Set<string>()
    const { upsert = [], remove = [] } = circuits ?? {}
    // First all that is gone, because a label may move from one circuit to another.
    for (const id of [...remove, ...upsert.map((circuit) => circuit.id)]) {
      for (const label of this.#labels.get(id) ?? []) {
        this.#owners.delete(label)
        changed.add(label)
      }
      this.#labels.delete(id)
    }
    for (const { id } of upsert) {
      const circuit = table.circuits.get(id)
      if (circuit === undefined || circuit.owner.type !== 'cluster') continue
      const owner = idOf(circuit.owner.credential, circuit.owner.cluster)
      const labels = labelsOf(circuit)
      this.#labels.set(id, labels)
      for (const label of labels) {
        this.#owners.set(label, owner)
        changed.add(label)
      }
    }
    return changed
  }
}

/** Hosts without a dot are labels below the relay's domain. */
const labelsOf = ({ frontend }: DeployedCircuit): string[] =>
  frontend.type === 'subdomain' ? frontend.hosts.filter((host) => !host.includes('.')) : []
