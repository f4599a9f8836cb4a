import { printable } from '@branchline/runtime/local/printable'
import type { Worker } from '@branchline/wire/circuits/worker'
import { age } from '../output/age.ts'
import { type Column, NONE, type Row } from '../output/table.ts'
import { terminal } from '../output/terminal.ts'
import type { ApiOptions } from './api/choose.ts'
import { openApi } from './api/connect.ts'
import type { Format } from './api/options.ts'
import { readAll } from './api/pages.ts'
import { listText } from './api/print.ts'

/** The columns of `relay workers`. */
export const WORKER_COLUMNS: readonly Column[] = [
  { title: 'WORKER' },
  { title: 'GROUP' },
  { title: 'STATE' },
  { title: 'CIRCUITS' },
  { title: 'CONNECTIONS' },
  { title: 'CPU', drop: 1 },
  { title: 'MEMORY', drop: 1 },
  { title: 'PORTS' },
  { title: 'AGE', drop: 2 },
  { title: 'VERSION', wide: true },
  { title: 'CLUSTERS', wide: true },
  { title: 'VISITORS', wide: true },
  { title: 'TUNNEL', wide: true },
  { title: 'LAST SIGN', wide: true },
  { title: 'ID', wide: true },
]

const TONES = { ready: 'good', cordoned: 'warning', draining: 'warning', lost: 'bad' } as const

/** A worker as a row. The reason for its state is below it, unless it is ready. */
export function workerRow(worker: Worker, nowMs: number): Row {
  const { name, group, state, stateReason, load, ports, addresses, clusters } = worker
  return {
    cells: [
      name,
      group,
      { text: state, tone: TONES[state] },
      String(load?.circuits ?? NONE),
      String(load?.connections ?? NONE),
      load === undefined ? NONE : load.cpu.toFixed(2),
      load === undefined ? NONE : `${Math.round(load.memoryBytes / 2 ** 20)}Mi`,
      ports === undefined ? NONE : `${ports.from}-${ports.to}`,
      age(worker.joinedAt, nowMs),
      worker.version,
      String(clusters.length),
      addresses.https ?? addresses.http ?? NONE,
      addresses.tunnel ?? NONE,
      age(worker.lastHeartbeatAt, nowMs),
      worker.id,
    ],
    ...(state !== 'ready' && stateReason !== undefined && { notes: [stateReason] }),
  }
}

/** Runs `branchline relay workers`. */
export async function runWorkers(
  options: ApiOptions & { readonly output?: Format; readonly group?: string },
): Promise<void> {
  const { group, output } = options
  const api = openApi(options)
  const { items } = await api.call((client) =>
    readAll((page) => client.listWorkers({ query: { group, ...page } })),
  )
  if (items.length === 0)
    process.stderr.write(
      `no workers at ${api.url}: start one with branchline relay --role worker --coordinator ${api.url} --join-token-file FILE\n`,
    )
  const now = Date.now()
  process.stdout.write(listText(items, WORKER_COLUMNS, (one) => workerRow(one, now), output, terminal()))
}

/** What a user can do with a worker. */
export type WorkerAction = 'cordon' | 'uncordon' | 'drain' | 'rm'

const RESULTS: Readonly<Record<WorkerAction, string>> = {
  cordon: 'is cordoned: it gets no further circuits, and keeps those that it has',
  uncordon: 'is ready: it gets circuits again',
  drain: 'is draining: open connections may end, and new ones go to other workers of its group',
  rm: 'is removed, and its credential is revoked: it ends. Circuits go to other workers of its group',
}

/** Runs `branchline relay cordon`, `uncordon`, `drain` and `rm`. */
export async function runWorkerAction(
  action: WorkerAction,
  worker: string,
  options: ApiOptions,
): Promise<void> {
  await openApi(options).call<unknown>((client) => {
    const call = { params: { worker } }
    if (action === 'cordon') return client.cordonWorker(call)
    if (action === 'uncordon') return client.uncordonWorker(call)
    return action === 'drain' ? client.drainWorker(call) : client.deleteWorker(call)
  })
  process.stdout.write(printable(`${worker} ${RESULTS[action]}\n`))
}
