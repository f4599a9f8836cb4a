import type { Selectable } from 'kysely'
import { type Circuit, DEFAULT_GROUP } from '@branchline/wire/circuits/circuit'
import type {
  ClusterTarget,
  DeployedCircuit,
  DeployedCredential,
  DeployedSession,
  DeployedTarget,
} from '@branchline/wire/circuits/table'
import type { Addresses, WorkerFacts } from '@branchline/wire/circuits/worker'
import { selectorOf, settingsOf } from '../circuits/rows.ts'
import type {
  AccessTokenTable,
  ApiKeyTable,
  CircuitTable,
  SessionTable,
  TargetTable,
  WorkerTable,
} from '../store/tables.ts'

/** A circuit, and which workers serve it. */
export interface PlacedCircuit {
  readonly circuit: DeployedCircuit
  readonly group: string
  readonly selector: Readonly<Record<string, string>>
  readonly status: Circuit['status']
  readonly statusReason: string | undefined
}

/** A worker that has joined. */
export interface KnownWorker {
  readonly id: string
  readonly name: string
  readonly group: string
  readonly labels: Readonly<Record<string, string>>
  readonly state: Exclude<Selectable<WorkerTable>['state'], 'left'>
  readonly stateReason: string | undefined
  readonly version: string
  readonly backends: WorkerFacts['backends']
  readonly ports: WorkerFacts['ports']
  readonly addresses: Addresses
  readonly credentialHash: string
  readonly peerHash: string | undefined
}

/** The columns of a circuit that workers get something of. */
export const CIRCUIT_COLUMNS = [
  'id',
  'key',
  'version',
  'owner',
  'frontend',
  'port',
  'host_label',
  'spec',
  'state',
  'status',
  'status_reason',
  'worker_group',
] as const satisfies readonly (keyof CircuitTable)[]

/** The same of a target. */
export const TARGET_COLUMNS = [
  'id',
  'spec',
  'weight',
  'state',
] as const satisfies readonly (keyof TargetTable)[]

type CircuitRow = Pick<Selectable<CircuitTable>, (typeof CIRCUIT_COLUMNS)[number]>
type TargetRow = Pick<Selectable<TargetTable>, (typeof TARGET_COLUMNS)[number]>

/** How a cluster's name in a target of an API client becomes a cluster. */
export type FindCredential = (cluster: string) => string | undefined

/** A circuit as workers get it. `targets` are its own, in their order. */
export function placedOf(
  row: CircuitRow,
  hosts: readonly string[],
  targets: readonly TargetRow[],
  credentialOf: FindCredential,
): PlacedCircuit {
  const circuit: DeployedCircuit = {
    id: row.id,
    key: row.key,
    version: row.version,
    owner: row.owner[0] ?? { type: 'key', id: '' },
    frontend:
      row.frontend === 'port'
        ? { type: 'port', port: row.port ?? 0 }
        : { type: 'subdomain', hosts: [row.host_label ?? '', ...hosts] },
    ...settingsOf(row),
    targets: targets.map((target) => targetOf(target, credentialOf)),
    draining: row.state === 'draining',
  }
  return {
    circuit,
    group: row.worker_group ?? DEFAULT_GROUP,
    selector: selectorOf(row),
    status: row.status,
    statusReason: row.status_reason ?? undefined,
  }
}

function targetOf(row: TargetRow, credentialOf: FindCredential): DeployedTarget {
  const { address, cluster, devbox } = row.spec as {
    readonly address?: string
    readonly cluster?: ClusterTarget
    readonly devbox?: string
  }
  return {
    id: row.id,
    weight: row.weight,
    draining: row.state === 'draining',
    ...(address !== undefined && { address }),
    ...(devbox !== undefined && { devbox }),
    ...(cluster !== undefined && { cluster: clusterOf(cluster, credentialOf) }),
  }
}

/** A preview's target is complete. A client of the API names only the cluster, and the environment's name is its key. */
function clusterOf(
  { credential, name, environment, service, port, key }: Partial<ClusterTarget>,
  credentialOf: FindCredential,
): ClusterTarget {
  return {
    credential: credential ?? credentialOf(name ?? '') ?? '',
    name: name ?? '',
    environment: environment ?? '',
    service: service ?? '',
    port: port ?? 0,
    key: key ?? environment ?? '',
  }
}

/** A worker. Undefined if it has left. */
export function knownOf(row: Selectable<WorkerTable>): KnownWorker | undefined {
  if (row.state === 'left') return undefined
  const {
    backends = [],
    ports,
    peerHash,
  } = row.facts as Partial<WorkerFacts> & { readonly peerHash?: string }
  return {
    id: row.id,
    name: row.name,
    group: row.worker_group,
    labels: row.labels,
    state: row.state,
    stateReason: row.state_reason ?? undefined,
    version: row.version,
    backends,
    ports,
    addresses: row.addresses,
    credentialHash: row.credential_hash,
    peerHash,
  }
}

/** An API key, which also opens circuits of the organization. Undefined if it is no longer valid. */
export function keyCredentialOf(row: Selectable<ApiKeyTable>): DeployedCredential | undefined {
  if (row.revoked_at !== null) return undefined
  return { id: row.id, hash: row.hash, kind: 'api-key', ...expiryOf(row.expires_at) }
}

/** An access token. Undefined if it is no longer valid. */
export function tokenCredentialOf(row: Selectable<AccessTokenTable>): DeployedCredential | undefined {
  if (row.revoked_at !== null) return undefined
  const circuits = row.circuits === null ? {} : { circuits: row.circuits }
  return { id: row.id, hash: row.hash, kind: 'access-token', ...circuits, ...expiryOf(row.expires_at) }
}

/** A browser's session. Undefined if it is no longer valid. */
export function sessionOf(row: Selectable<SessionTable>): DeployedSession | undefined {
  if (row.revoked_at !== null) return undefined
  const { hash, circuit_id: circuit, holder } = row
  return { hash, circuit, holder, expiresAtMs: row.expires_at.getTime() }
}

const expiryOf = (at: Date | null): { expiresAtMs?: number } =>
  at === null ? {} : { expiresAtMs: at.getTime() }
