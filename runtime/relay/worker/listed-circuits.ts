import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { RegisteredPreview } from '@branchline/wire/tunnel/control'
import type { CircuitChanges } from './circuits/served-circuits.ts'
import { idOf } from './clusters/cluster.ts'
import type { Listing } from './clusters/registry.ts'

/** What clusters list here. */
interface Listings {
  previewOf(cluster: string, label: string): RegisteredPreview | undefined
}

/** Where circuits are served. */
interface Served {
  apply(changes: CircuitChanges): void
}

/**
 * The circuits of the table, of which those of clusters lead to what the cluster lists here. The coordinator learns of a
 * change at the same time, so the table agrees a moment later. Until then a request must not go to a target that the
 * cluster no longer serves, and the stricter access applies.
 */
export class ListedCircuits {
  readonly #listings: Listings
  readonly #served: Served
  /** By cluster and label: the circuit of the table. */
  readonly #circuits = new Map<string, DeployedCircuit>()
  readonly #keys = new Map<string, string>()

  constructor(listings: Listings, served: Served) {
    this.#listings = listings
    this.#served = served
  }

  /** Applies changes of the table. */
  apply({ upsert = [], remove = [] }: CircuitChanges): void {
    for (const id of [...remove, ...upsert.map((circuit) => circuit.id)]) this.#forget(id)
    this.#served.apply({ remove, upsert: upsert.map((circuit) => this.#take(circuit)) })
  }

  /** A cluster lists something else. */
  listed({ credential, cluster, upsert }: Listing): void {
    const changed = upsert.flatMap(({ label }) => {
      const circuit = this.#circuits.get(`${idOf(credential, cluster)} ${label}`)
      return circuit === undefined ? [] : this.#take(circuit)
    })
    if (changed.length > 0) this.#served.apply({ upsert: changed })
  }

  #forget(id: string): void {
    this.#circuits.delete(this.#keys.get(id) ?? '')
    this.#keys.delete(id)
  }

  #take(circuit: DeployedCircuit): DeployedCircuit {
    const { id, owner, frontend } = circuit
    const label = frontend.type === 'subdomain' ? frontend.hosts[0] : undefined
    if (owner.type !== 'cluster' || label === undefined) return circuit
    const cluster = idOf(owner.credential, owner.cluster)
    const key = `${cluster} ${label}`
    this.#keys.set(id, key)
    this.#circuits.set(key, circuit)
    const preview = this.#listings.previewOf(cluster, label)
    return preview === undefined ? circuit : asListed(circuit, preview)
  }
}

/** The circuit with the target that is listed here. The same object if the table agrees. */
function asListed(circuit: DeployedCircuit, preview: RegisteredPreview): DeployedCircuit {
  const [target] = circuit.targets
  const cluster = target?.cluster
  if (target === undefined || cluster === undefined) return circuit
  const { environment, service, port, key } = preview
  const access = preview.access !== 'public' && circuit.access.type === 'public' ? CLOSED : circuit.access
  const backend = backendOf(preview)
  const isSame =
    cluster.environment === environment &&
    cluster.service === service &&
    cluster.port === port &&
    cluster.key === key &&
    circuit.backend === backend &&
    access === circuit.access
  if (isSame) return circuit
  return {
    ...circuit,
    access,
    backend,
    targets: [{ ...target, cluster: { ...cluster, environment, service, port, key } }],
  }
}

/** The strictest access, until the table says what applies. */
const CLOSED = { type: 'token' } as const

/** The protocol in which requests go to a preview. */
const backendOf = ({ protocol }: RegisteredPreview): DeployedCircuit['backend'] =>
  protocol === 'http2' || protocol === 'grpc' ? 'h2' : 'http'
