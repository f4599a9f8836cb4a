import type { Circuit } from '@branchline/wire/circuits/circuit'
import type { Cluster } from '@branchline/wire/circuits/cluster'
import type { Health } from '@branchline/wire/circuits/health'
import type { Answer } from '@branchline/wire/circuits/operations'
import type { Worker } from '@branchline/wire/circuits/worker'
import { CIRCUIT_COLUMNS, circuitRow } from '../circuit/view.ts'
import { age } from '../output/age.ts'
import { safely } from '../output/safely.ts'
import { tableText, type TableOptions, type Tone } from '../output/table.ts'
import { terminal } from '../output/terminal.ts'
import { wrapped } from '../output/wrap.ts'
import type { ApiOptions } from './api/choose.ts'
import { openApi } from './api/connect.ts'
import { readAll } from './api/pages.ts'
import { dataText } from './api/print.ts'
import { WORKER_COLUMNS, workerRow } from './workers.ts'

/** What `relay status` shows. */
interface RelayStatus {
  readonly api: string
  readonly health: Health
  readonly statistics: Answer<'getStatistics'>
  readonly workers: readonly Worker[]
  readonly clusters: readonly Cluster[]
  /** The first circuits that are not healthy. */
  readonly unhealthy: readonly Circuit[]
}

/** The most circuits that the screen names. */
const MOST_UNHEALTHY = 10

/** Runs `branchline relay status`. The exit code is 1 if a part of the relay is down. */
export async function runRelayStatus(
  options: ApiOptions & { readonly output?: 'json' | 'yaml' },
): Promise<void> {
  const status = await readStatus(options)
  process.stdout.write(dataText(status, options.output) ?? statusText(status, Date.now(), terminal()))
  if (status.health.status === 'down') process.exitCode = 1
}

function readStatus(options: ApiOptions): Promise<RelayStatus> {
  const relay = openApi(options)
  return relay.call(async (client) => {
    const sick = async (status: 'UNHEALTHY' | 'PENDING'): Promise<readonly Circuit[]> =>
      (await client.listCircuits({ query: { status, limit: MOST_UNHEALTHY } })).items
    // One after the other: a relay that refuses the key is asked once.
    const health = await client.getHealth()
    const [statistics, workers, clusters, unhealthy, pending] = await Promise.all([
      client.getStatistics(),
      readAll((query) => client.listWorkers({ query })),
      readAll((query) => client.listClusters({ query })),
      sick('UNHEALTHY'),
      sick('PENDING'),
    ])
    return {
      api: relay.url,
      health,
      statistics,
      workers: workers.items,
      clusters: clusters.items,
      unhealthy: [...unhealthy, ...pending].slice(0, MOST_UNHEALTHY),
    }
  })
}

const TONES: Readonly<Record<Health['status'], Tone>> = { ok: 'good', degraded: 'warning', down: 'bad' }

type Style = Pick<TableOptions, 'width' | 'paint'>

/** Formats the status as one screen. Pure. */
function statusText(status: RelayStatus, nowMs: number, style: Style): string {
  const { paint = (_tone, text) => text } = style
  const { api, health, workers, clusters, unhealthy } = safely(status)
  const parts = health.dependencies.flatMap(({ name, status: state, detail }) => [
    `${name.padEnd(10)} ${paint(TONES[state], state)}`,
    ...(detail === undefined ? [] : wrapped(detail, style.width, '  ')),
  ])
  const lost = workers.length === 0 ? ['no workers: nothing is served until one joins'] : []
  return [
    `relay ${api}   ${paint(TONES[health.status], health.status)}`,
    ...parts,
    `circuits   ${countText(status.statistics)}`,
    `clusters   ${clusterText(clusters, nowMs)}`,
    ...lost,
    '',
    ...(workers.length === 0
      ? []
      : [
          tableText(
            WORKER_COLUMNS,
            workers.map((one) => workerRow(one, nowMs)),
            style,
          ),
        ]),
    ...(unhealthy.length === 0
      ? []
      : [
          tableText(
            CIRCUIT_COLUMNS,
            unhealthy.map((one) => circuitRow(one, nowMs)),
            style,
          ),
        ]),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n')
}

function countText({ circuits, requests }: RelayStatus['statistics']): string {
  const { HEALTHY, PENDING, UNHEALTHY } = circuits.byStatus
  const parts = [
    [HEALTHY, 'healthy'],
    [PENDING, 'pending'],
    [UNHEALTHY, 'unhealthy'],
  ].flatMap(([count, word]) => (count === 0 ? [] : `${count} ${word}`))
  if (circuits.total === 0) return 'none'
  return `${circuits.total}: ${parts.join(', ')}; ${requests} requests so far`
}

function clusterText(clusters: readonly Cluster[], nowMs: number): string {
  const names = clusters.map(({ name, workers, lastSeenAt }) =>
    workers.length === 0
      ? `${name} (gone for ${age(lastSeenAt, nowMs)})`
      : `${name} (connected to ${workers.length})`,
  )
  return names.join(', ') || 'none'
}
