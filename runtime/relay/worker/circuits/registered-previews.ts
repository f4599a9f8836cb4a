import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import type { RegisteredPreview } from '@branchline/wire/tunnel/control'
import type { Lookup } from '../clusters/cluster.ts'
import type { StreamLink } from './links.ts'
import type { ServedCircuit } from './served-circuit.ts'
import type { ServedCircuits } from './served-circuits.ts'

const MIN_SWEEP = 1_000

interface Known {
  readonly lookup: Lookup<StreamLink>
  readonly served: ServedCircuit
}

/** Circuits of previews that clusters have registered here and that no table contains. They are made when asked for. */
export class RegisteredPreviews {
  readonly #circuits: ServedCircuits
  readonly #find: (label: string) => Lookup<StreamLink>
  readonly #known = new Map<string, Known>()
  /** At this number of circuits, those whose labels are free are removed. */
  #sweepAt = MIN_SWEEP

  constructor(circuits: ServedCircuits, find: (label: string) => Lookup<StreamLink>) {
    this.#circuits = circuits
    this.#find = find
  }

  /** The circuit of a label. Undefined if no cluster owns it. */
  at(label: string): ServedCircuit | undefined {
    const lookup = this.#find(label)
    const known = this.#known.get(label)
    if (known?.lookup === lookup) return known.served
    if (lookup.state === 'unknown') {
      if (known !== undefined) this.#forget(label)
      return undefined
    }
    const circuit = circuitOf(label, lookup, known?.served.circuit)
    if (known?.served.circuit !== circuit) this.#circuits.apply({ upsert: [circuit] })
    const served = this.#circuits.get(circuit.id) as ServedCircuit
    this.#known.set(label, { lookup, served })
    if (this.#known.size >= this.#sweepAt) this.#sweep()
    return served
  }

  #sweep(): void {
    for (const label of this.#known.keys()) if (this.#find(label).state === 'unknown') this.#forget(label)
    this.#sweepAt = Math.max(MIN_SWEEP, this.#known.size * 2)
  }

  #forget(label: string): void {
    this.#known.delete(label)
    this.#circuits.apply({ remove: [idOf(label)] })
  }
}

const idOf = (label: string): string => `preview/${label}`

/** While its cluster is gone, a preview stays as it was. */
function circuitOf(
  label: string,
  lookup: Exclude<Lookup<StreamLink>, { state: 'unknown' }>,
  before: DeployedCircuit | undefined,
): DeployedCircuit {
  if (lookup.state === 'gone' && before !== undefined) return before
  const { cluster } = lookup
  const preview = (lookup.state === 'live' ? lookup.preview : undefined) ?? UNLISTED
  const { environment, service, port, key, access, protocol } = preview
  return {
    id: idOf(label),
    key: idOf(label),
    version: 0,
    owner: { type: 'cluster', credential: '', cluster },
    frontend: { type: 'subdomain', hosts: [] },
    backend: protocol === 'http2' || protocol === 'grpc' ? 'h2' : 'http',
    balancing: 'round-robin',
    stickiness: 'none',
    targets: [
      {
        id: 'preview',
        weight: 1,
        draining: false,
        cluster: { credential: '', name: cluster, environment, service, port, key },
      },
    ],
    // The registry knows only what the manager wrote. It refuses every access but public.
    access: { type: access as 'public' },
    limits: {},
    rewrite: {},
    middlewares: [],
    draining: false,
  }
}

/** The cluster owns the label, and has not listed it since this relay started. */
const UNLISTED: Omit<RegisteredPreview, 'label'> = {
  environment: '',
  service: '',
  port: 0,
  key: 'none',
  access: 'public',
}
