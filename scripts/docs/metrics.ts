import { ManagerMetrics, type Observed } from '@branchline/runtime/manager/metrics'
import { RelayMetrics } from '@branchline/runtime/relay/metrics'
import type { Certificate } from '@branchline/runtime/relay/worker/certificates/certificate'
import { certificateMetrics } from '@branchline/runtime/relay/worker/certificates/metrics'
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
    '## Relay\n',
    describe(await scrapeRelay()),
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

async function scrapeRelay(): Promise<string> {
  const metrics = new RelayMetrics(source())
  metrics.exchangeDone('default', 200, 1)
  return (
    (await metrics.read()).text + certificateMetrics([source<Certificate>({ names: ['a.example'] })], 0, 1)
  )
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
