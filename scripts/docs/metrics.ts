import { ManagerMetrics, type Observed } from '@branchline/runtime/manager/metrics'
import { ApiCounts } from '@branchline/runtime/relay/coordinator/api/counts'
import { coordinatorMetrics } from '@branchline/runtime/relay/coordinator/metrics'
import { StoreTimings } from '@branchline/runtime/relay/coordinator/store/timings'
import { DeploymentTimings } from '@branchline/runtime/relay/coordinator/workers/timings'
import type { Workers } from '@branchline/runtime/relay/coordinator/workers/workers'
import { type MetricsSource, RelayMetrics } from '@branchline/runtime/relay/metrics'
import type { Certificate } from '@branchline/runtime/relay/worker/certificates/certificate'
import { certificateMetrics } from '@branchline/runtime/relay/worker/certificates/metrics'
import { CircuitMetrics } from '@branchline/runtime/relay/worker/circuits/circuit-metrics'
import { Metrics } from '@branchline/runtime/sidecar/telemetry/metrics'
import { code, table } from './markdown.ts'

/** Returns the reference of the metrics, from the response of each process on `/metrics`. */
export async function metricsReference(): Promise<string> {
  return [
    '# Metrics\n',
    'Every process serves its metrics on `/metrics` of its admin port, in the text format of Prometheus.\n',
    '## Sidecar\n',
    describe(await scrapeSidecar()),
    '## Manager\n',
    describe(await scrapeManager(), OF_NODE),
    "The manager also serves prom-client's default metrics, `process_*` and `nodejs_*`.\n",
    '## Relay: workers\n',
    describe(await scrapeWorker()),
    '## Relay: coordinators\n',
    'Only the coordinator that leads has the metrics of circuits and workers, so sums count nothing twice.\n',
    describe(await scrapeCoordinator()),
  ].join('\n')
}

/** Stands in for the sources of a process's metrics. Only the names matter, not the values. */
const source = <T extends object>(answers: Partial<T> = {}): T =>
  new Proxy(answers as T, { get: (known, name) => (Reflect.get(known, name) as unknown) ?? (() => 1) })

async function scrapeSidecar(): Promise<string> {
  const metrics = new Metrics(source())
  metrics.request({ environment: 'alice', service: 'api', reason: 'own' }, 200, 1)
  metrics.upstreamFailure('alice', 'api', 'unreachable')
  return (await metrics.read()).text
}

async function scrapeManager(): Promise<string> {
  const metrics = new ManagerMetrics()
  metrics.observe(source<Observed>({ objects: () => ({ Pod: 1 }) }))
  metrics.refusals.inc('token')
  metrics.droppedHops.inc('rate')
  return (await metrics.read()).text
}

async function scrapeWorker(): Promise<string> {
  const metrics = new RelayMetrics(
    source<MetricsSource>({
      stalls: () => ({ credit: 0, link: 0 }),
      checks: () => ({ passed: 0, failed: 0 }),
    }),
  )
  metrics.exchangeDone('default', 'preview', 200, 1)
  metrics.replied('access')
  const circuits = new CircuitMetrics(() => ({
    circuits: { healthy: 0, unhealthy: 0, draining: 0, faulty: 0 },
    targets: { healthy: 0, unhealthy: 0, unknown: 0 },
  }))
  circuits.of('session-42/jupyter').done(200, 1)
  circuits.connections.inc('reached')
  const { text } = await metrics.read()
  return text + circuits.read() + certificateMetrics([source<Certificate>({ names: ['a.example'] })], 0, 1)
}

function scrapeCoordinator(): Promise<string> {
  const api = new ApiCounts()
  api.done('listCircuits', 200, 1)
  const deployment = {
    circuits: new Map(),
    workers: new Map([['1', { id: '1', name: 'worker-1', group: 'default', state: 'ready' }]]),
  }
  return coordinatorMetrics({
    api,
    leader: { term: 1 },
    leading: {
      workers: source<Workers>({ deployment: deployment as unknown as Workers['deployment'], connected: [] }),
    },
    store: {
      state: 'up',
      epoch: 1,
      timings: new StoreTimings(),
      read: <T>() => Promise.resolve([{ state: 'active', status: 'HEALTHY', count: 1 }] as T),
    },
    timings: new DeploymentTimings(),
  })
}

/** The names of the default metrics of prom-client, about thirty. */
const OF_NODE = /^(nodejs|process)_/

/** Formats the metrics of a scrape as a table, with the labels of their samples, except the `omitted` names. */
function describe(text: string, omitted?: RegExp): string {
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]))
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].flatMap(([, name, help]) =>
    name === undefined || omitted?.test(name) === true
      ? []
      : [[code(name), types.get(name) ?? '', labelsOf(text, name).map(code).join(', '), help as string]],
  )
  return table(['Metric', 'Type', 'Labels', 'Meaning'], rows)
}

function labelsOf(text: string, name: string): string[] {
  const sample = new RegExp(`^${name}(?:_bucket)?\\{([^}]*)\\}`, 'm').exec(text)?.[1] ?? ''
  return [...sample.matchAll(/(\w+)="/g)]
    .map(([, label]) => label as string)
    .filter((label) => label !== 'le')
}
