import type { AccessRule } from './access.ts'
import type { Backend, Balancing, Circuit, CircuitLimits, Owner } from './circuit.ts'
import type { Target } from './target.ts'
import type { Addresses, WorkerState } from './worker.ts'

/** A circuit as a worker serves it. */
export interface DeployedCircuit {
  readonly id: string
  readonly key: string
  /** Increases with each change of the circuit. */
  readonly version: number
  readonly owner: Owner
  /** Hosts are complete names in lower case, or labels below the relay's domain if they contain no dot. */
  readonly frontend:
    | { readonly type: 'subdomain'; readonly hosts: readonly string[] }
    | { readonly type: 'port'; readonly port: number }
  readonly backend: Backend
  readonly balancing: Balancing
  readonly stickiness: Circuit['stickiness']
  readonly targets: readonly DeployedTarget[]
  readonly access: AccessRule
  readonly limits: CircuitLimits
  readonly rewrite: Circuit['rewrite']
  readonly health?: Circuit['health']
  readonly middlewares: readonly string[]
  readonly draining: boolean
}

/** A target of a circuit: exactly one of address, cluster and devbox. */
export interface DeployedTarget extends Pick<Target, 'id' | 'address' | 'devbox' | 'weight' | 'draining'> {
  readonly cluster?: ClusterTarget
}

/** A service of a cluster. `credential` and `name` together identify the cluster. */
export interface ClusterTarget {
  readonly credential: string
  readonly name: string
  readonly environment: string
  readonly service: string
  readonly port: number
  /** The routing key of requests. */
  readonly key: string
}

/** Something that proves a client's right: only its hash leaves the coordinator. */
export interface DeployedCredential {
  readonly id: string
  /** SHA-256 of the token, in lower-case hexadecimal. */
  readonly hash: string
  readonly kind: 'api-key' | 'access-token'
  /** Ids of the circuits that it opens. Absent: all whose access is `organization`. */
  readonly circuits?: readonly string[]
  /** Milliseconds since the epoch. Absent: never. */
  readonly expiresAtMs?: number
}

/** A browser that has proved its right to one circuit. */
export interface DeployedSession {
  /** SHA-256 of the cookie's value, in lower-case hexadecimal. */
  readonly hash: string
  readonly circuit: string
  readonly holder: string
  readonly expiresAtMs: number
}

/** Another worker, and the clusters that have a tunnel to it (`<credential> <name>`). */
export interface DeployedWorker {
  readonly id: string
  readonly name: string
  readonly group: string
  readonly state: WorkerState
  readonly addresses: Addresses
  readonly clusters: readonly string[]
  /** SHA-256 of the token with which it connects to other workers. Absent: it does not. */
  readonly peerHash?: string
}

/** What one worker serves. Each part is keyed by the field that identifies it: id, id, hash, id. */
export interface WorkerTable {
  readonly circuits: ReadonlyMap<string, DeployedCircuit>
  readonly credentials: ReadonlyMap<string, DeployedCredential>
  readonly sessions: ReadonlyMap<string, DeployedSession>
  readonly workers: ReadonlyMap<string, DeployedWorker>
}

export const EMPTY_WORKER_TABLE: WorkerTable = {
  circuits: new Map(),
  credentials: new Map(),
  sessions: new Map(),
  workers: new Map(),
}
