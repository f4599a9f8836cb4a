import type { Selectable } from 'kysely'
import { exposition, histogramExposition, type Labels, only } from '../../process/exposition.ts'
import type { ApiCounts } from './api/counts.ts'
import type { Leader } from './leader/leader.ts'
import type { Store } from './store/store.ts'
import type { CircuitTable } from './store/tables.ts'
import { CALLS } from './store/timings.ts'
import type { Leading } from './workers/leading.ts'
import type { DeploymentTimings } from './workers/timings.ts'
import type { Workers } from './workers/workers.ts'

/** What the metrics of a coordinator are read from. */
export interface CoordinatorMetricsSource {
  readonly leader: Pick<Leader, 'term'>
  readonly leading: Pick<Leading, 'workers'>
  readonly store: Pick<Store, 'state' | 'epoch' | 'timings' | 'read'>
  readonly api: ApiCounts
  readonly timings: DeploymentTimings
}

/**
 * Returns a coordinator's metrics in Prometheus' text format. Only the leader has those of circuits and workers, so that
 * sums over coordinators count nothing twice.
 */
export async function coordinatorMetrics(source: CoordinatorMetricsSource): Promise<string> {
  const { workers } = source.leading
  return [
    ...stateMetrics(source),
    ...apiMetrics(source.api),
    ...timingMetrics(source.timings),
    ...(workers === undefined ? [] : [...leaderMetrics(workers), await circuitMetrics(source.store)]),
  ].join('')
}

const stateMetrics = ({ leader, leading, store }: CoordinatorMetricsSource): string[] => [
  exposition(
    'branchline_coordinator_leads',
    'gauge',
    'Whether this coordinator leads: it has read everything, and workers connect to it.',
    only(leading.workers === undefined ? 0 : 1),
  ),
  exposition(
    'branchline_coordinator_term',
    'gauge',
    'The term in which this coordinator leads. 0: it does not.',
    only(leader.term ?? 0),
  ),
  exposition(
    'branchline_coordinator_epoch',
    'gauge',
    'The newest epoch of the database that this coordinator knows. -1: none yet.',
    only(store.epoch),
  ),
  exposition(
    'branchline_coordinator_published_epoch',
    'gauge',
    'The epoch up to which the leader has sent everything to its workers. -1: this coordinator does not lead.',
    only(leading.workers?.epoch ?? -1),
  ),
  exposition(
    'branchline_coordinator_database_up',
    'gauge',
    'Whether the database responds.',
    only(store.state === 'up' ? 1 : 0),
  ),
  histogramExposition(
    'branchline_coordinator_database_seconds',
    'Time of a call of the database, repeated attempts included. change: what workers are sent. write: heartbeats and the like.',
    CALLS.map((call) => [{ call }, store.timings.seconds[call]] as const),
  ),
  exposition(
    'branchline_coordinator_database_failures_total',
    'counter',
    'Calls of the database that failed, refusals of what a change found included.',
    CALLS.map((call) => [{ call }, store.timings.failures[call]] as const),
  ),
]

const apiMetrics = (api: ApiCounts): string[] => [
  exposition(
    'branchline_coordinator_api_requests_total',
    'counter',
    'Requests of the API by operation (none: no such path or method) and status.',
    [...api.requests].flatMap(([operation, statuses]) =>
      [...statuses].map(([code, count]): [Labels, number] => [{ operation, code: String(code) }, count]),
    ),
  ),
  histogramExposition(
    'branchline_coordinator_api_request_seconds',
    'Time of a request of the API, until its response begins.',
    only(api.seconds),
  ),
  exposition(
    'branchline_coordinator_api_failed_authentications_total',
    'counter',
    'Keys and tokens that were not valid.',
    only(api.failedAuthentications),
  ),
  exposition(
    'branchline_coordinator_api_limited_authentications_total',
    'counter',
    'Requests that were refused with 429, because their address had sent too many keys that were not valid.',
    only(api.limitedAuthentications),
  ),
]

const timingMetrics = ({ publication, acknowledgement }: DeploymentTimings): string[] => [
  histogramExposition(
    'branchline_coordinator_publication_seconds',
    'Time from when an epoch is known until everything up to it has been sent to the workers.',
    only(publication),
  ),
  histogramExposition(
    'branchline_coordinator_acknowledgement_seconds',
    'Time from when a worker is sent a change until it acknowledges it.',
    only(acknowledgement),
  ),
]

function leaderMetrics(workers: Workers): string[] {
  const { deployment } = workers
  const states = { ready: 0, cordoned: 0, draining: 0, lost: 0 }
  for (const { state } of deployment.workers.values()) states[state]++
  const known = [...deployment.workers.values()]
  const lags = known.flatMap(({ id, name, group }): [Labels, number][] => {
    const lag = workers.lagOf(id)
    return lag === undefined ? [] : [[{ worker: name, group }, lag]]
  })
  return [
    exposition(
      'branchline_coordinator_workers',
      'gauge',
      'Workers by state.',
      Object.entries(states).map(([state, count]): [Labels, number] => [{ state }, count]),
    ),
    exposition(
      'branchline_coordinator_workers_connected',
      'gauge',
      'Workers that are connected.',
      only(workers.connected.length),
    ),
    exposition(
      'branchline_coordinator_worker_lag_epochs',
      'gauge',
      'Epochs by which what a connected worker serves is behind what it was sent.',
      lags,
    ),
  ]
}

/** Circuits by status. Workers are not sent statuses, so only the database knows them; without it, there is no sample. */
async function circuitMetrics(store: CoordinatorMetricsSource['store']): Promise<string> {
  const counts = { pending: 0, healthy: 0, unhealthy: 0, draining: 0 }
  const name = 'branchline_coordinator_circuits'
  const help = 'Circuits by status. Absent while the database does not respond.'
  try {
    for (const { state, status, count } of await countCircuits(store)) {
      const known = state === 'draining' ? state : (status.toLowerCase() as Lowercase<typeof status>)
      counts[known] += Number(count)
    }
  } catch {
    return exposition(name, 'gauge', help, [])
  }
  return exposition(
    name,
    'gauge',
    help,
    Object.entries(counts).map(([status, count]): [Labels, number] => [{ status }, count]),
  )
}

interface CircuitCount extends Pick<Selectable<CircuitTable>, 'state' | 'status'> {
  readonly count: number | string | bigint
}

const countCircuits = (store: CoordinatorMetricsSource['store']): Promise<CircuitCount[]> =>
  store.read((db) =>
    db
      .selectFrom('circuits')
      .select(({ fn }) => ['state', 'status', fn.countAll().as('count')])
      .where('state', '<>', 'removed')
      .groupBy(['state', 'status'])
      .execute(),
  )
