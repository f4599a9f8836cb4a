import type { Selectable } from 'kysely'
import type { AccessRule } from '@branchline/wire/circuits/access'
import type { Circuit, CircuitCreate, Owner } from '@branchline/wire/circuits/circuit'
import type { Target, TargetInput } from '@branchline/wire/circuits/target'
import type { CircuitTable, ReportTable, TargetTable } from '../store/tables.ts'
import { targetHealth, type WorkerReport } from './status.ts'

/** The fields of a circuit that the client has set, without those of the frontend, the targets and the group. */
export type Settings = Omit<CircuitCreate, 'key' | 'frontend' | 'targets' | 'placement'> & {
  readonly placement?: { readonly selector?: Readonly<Record<string, string>> }
}

/** The column `spec` of a circuit. */
export interface CircuitSpec extends Settings {
  /** The client has asked for this port, so that the relay gives it no other one. */
  readonly requestedPort?: boolean
  /** Milliseconds since the epoch at which a draining circuit is removed. */
  readonly drainUntilMs?: number
}

/** The column `spec` of a target: its kind and what belongs to it. */
export interface TargetSpec extends Pick<TargetInput, 'address' | 'devbox'> {
  /** `credential` and `name` together identify the cluster. `key` is that of requests. Default: the environment. */
  readonly cluster?: NonNullable<TargetInput['cluster']> & {
    readonly credential?: string
    readonly key?: string
  }
}

export type CircuitRow = Selectable<CircuitTable>
export type TargetRow = Selectable<TargetTable>
export type ReportRow = Selectable<ReportTable> & { readonly worker: string }

/** A circuit with everything that belongs to it. Reports are those of connected workers. */
export interface StoredCircuit {
  readonly row: CircuitRow
  readonly hosts: readonly string[]
  readonly targets: readonly TargetRow[]
  readonly reports: readonly ReportRow[]
}

export const specOf = (row: Pick<CircuitRow, 'spec'>): CircuitSpec => row.spec
export const targetSpecOf = (row: Pick<TargetRow, 'spec'>): TargetSpec => row.spec

/** The owner of a circuit. */
export const ownerOf = ({ owner }: Pick<CircuitRow, 'owner'>): Owner => owner[0] as Owner

/** Access of circuits that set none. */
const DEFAULT_ACCESS: AccessRule = { type: 'organization' }

/** The settings of a circuit, with the defaults of those that the client has not set: they are not stored. */
export function settingsOf(row: Pick<CircuitRow, 'spec'>) {
  const spec = specOf(row)
  return {
    backend: spec.backend ?? 'http',
    balancing: spec.balancing ?? 'round-robin',
    stickiness: spec.stickiness ?? 'none',
    access: spec.access ?? DEFAULT_ACCESS,
    limits: spec.limits ?? {},
    rewrite: spec.rewrite ?? {},
    ...(spec.health !== undefined && { health: spec.health }),
    middlewares: spec.middlewares ?? [],
  } satisfies Partial<Circuit>
}

/** The labels that a worker needs to get a circuit. */
export const selectorOf = (row: Pick<CircuitRow, 'spec'>): Readonly<Record<string, string>> =>
  specOf(row).placement?.selector ?? {}

/** How clients reach circuits. */
export interface Addressing {
  /** The relay's domain: hosts of subdomain circuits are `<label>.<domain>`. */
  readonly domain: string
  /** The URL at which visitors reach the domain. */
  readonly publicUrl: URL
}

/** The URL at which visitors reach a host label. */
export function urlOf(label: string, { publicUrl, domain }: Addressing): string {
  const port = publicUrl.port === '' ? '' : `:${publicUrl.port}`
  return `${publicUrl.protocol}//${label}.${domain}${port}`
}

/** Returns a circuit as clients see it. */
export function toCircuit(stored: StoredCircuit, addressing: Addressing): Circuit {
  const { row } = stored
  const { ttl, labels = {} } = specOf(row)
  return {
    id: row.id,
    key: row.key,
    owner: ownerOf(row),
    ...frontendOf(stored, addressing),
    targets: stored.targets.map((target) => toTarget(target, stored.reports)),
    ...settingsOf(row),
    labels,
    placement: { group: row.worker_group, selector: selectorOf(row) },
    ...(ttl === undefined ? {} : { ttl }),
    state: row.state === 'draining' ? 'draining' : 'active',
    status: row.status,
    ...(row.status_reason === null ? {} : { statusReason: row.status_reason }),
    statusSince: row.status_since.toISOString(),
    workers: servedBy(stored.reports),
    version: row.version,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
    ...(row.last_access_at === null ? {} : { lastAccessAt: row.last_access_at.toISOString() }),
    requests: row.requests,
  }
}

type Frontend = Pick<Circuit, 'frontend' | 'url' | 'host' | 'port'>

function frontendOf({ row, hosts }: StoredCircuit, addressing: Addressing): Frontend {
  if (row.frontend === 'port') {
    const port = row.port as number
    return { frontend: { type: 'port', port }, port }
  }
  const label = row.host_label as string
  return {
    frontend: { type: 'subdomain', label, hosts: [...hosts] },
    url: urlOf(label, addressing),
    host: `${label}.${addressing.domain}`,
  }
}

/** Returns a target as clients see it. */
export function toTarget(row: TargetRow, reports: readonly ReportRow[]): Target {
  const { address, cluster, devbox } = targetSpecOf(row)
  const health = targetHealth(reports.map(toReport), row.id)
  return {
    id: row.id,
    ...(address === undefined ? {} : { address }),
    ...(cluster === undefined ? {} : { cluster: shownCluster(cluster) }),
    ...(devbox === undefined ? {} : { devbox }),
    weight: row.weight,
    draining: row.state === 'draining',
    status: health.status,
    ...(health.reason === undefined ? {} : { statusReason: health.reason }),
    statusSince: new Date(health.sinceMs ?? row.created_at).toISOString(),
  }
}

/** What clients see of a service of a cluster: the name of the credential is the operator's. */
export const shownCluster = ({
  name,
  environment,
  service,
  port,
}: NonNullable<TargetSpec['cluster']>): NonNullable<Target['cluster']> => ({
  name,
  environment,
  service,
  port,
})

/** Names of the workers that serve a circuit. */
const servedBy = (reports: readonly ReportRow[]): string[] =>
  reports.flatMap(({ version, fault, worker }) => (version === null || fault !== null ? [] : worker)).sort()

/** Returns what a worker has reported about a circuit. */
export const toReport = (row: ReportRow): WorkerReport => ({
  worker: row.worker,
  version: row.version,
  targets: row.targets,
  fault: row.fault ?? undefined,
})
