import { ManagerMetrics, type Observed } from '@branchline/runtime/manager/metrics'
import { RelayMetrics } from '@branchline/runtime/relay/metrics'
import { Metrics } from '@branchline/runtime/sidecar/telemetry/metrics'
import { code, table } from './markdown.ts'

/** The reference of the metrics, from what each process answers on `/metrics`. */
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

/** Answers every question of a process's metrics: the values do not matter, only the names. */
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
  return (await metrics.read()).text
}

/** The default metrics of prom-client, of which there are some thirty. */
const OF_NODE = /^(nodejs|process)_/

/** A table of what a scrape declares, with the labels of its samples; without the metrics of `omitted` names. */
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
