import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { contest } from './contest.ts'
import type { Contender } from './contenders/contender.ts'
import { PREVIEW_HOST, relayAndGateway } from './contenders/relay.ts'
import { sidecar } from './contenders/sidecar.ts'
import { runLoad } from './http/load.ts'
import { GRPC_MESSAGE, runH2Load } from './http2/load.ts'
import { installed, type Running, usage } from './processes.ts'
import { type Benchmark, printTable, printVerdicts, type Verdict } from './verdict.ts'

/** One kind of request, and the two contenders that it is sent through. */
interface Pair {
  readonly name: string
  /** The service behind both. */
  readonly upstream: { readonly script: string; readonly args?: readonly string[] }
  readonly contender: (name: string, checkout: string | undefined) => Contender
  /** Sends requests for so many seconds, and returns their number. */
  readonly load: (port: number, seconds: number, folder: string) => Promise<number>
}

const script = (path: string): { script: string } => ({ script: join(import.meta.dirname, path) })
const messageIn = (folder: string): string => join(folder, 'message')

const http = (path: string): Pair => ({
  name: `HTTP/1.1 ${path}`,
  upstream: script('http/upstream.ts'),
  contender: (name, checkout) => sidecar({ ...(checkout !== undefined && { checkout }) }, name),
  load: async (port, seconds) => (await runLoad(port, path, seconds)).requests,
})

const http2 = (name: string, grpc: boolean): Pair => ({
  name,
  upstream: script('http2/upstream.ts'),
  contender: (contender, checkout) =>
    sidecar({ protocol: 'grpc', ...(checkout !== undefined && { checkout }) }, contender),
  load: async (port, seconds, folder) =>
    (await runH2Load(port, seconds, grpc ? messageIn(folder) : undefined, 0)).requests,
})

const PAIRS: readonly Pair[] = [
  http('/100'),
  http('/65536'),
  http('/chunked'),
  http2('HTTP/2 GET', false),
  http2('unary gRPC', true),
  {
    name: 'relay, tunnel, gateway',
    upstream: { ...script('stream/upstream.ts'), args: ['visits'] },
    contender: relayAndGateway,
    load: async (port, seconds) => (await runLoad(port, '/100', seconds, PREVIEW_HOST)).requests,
  },
]

/** The CPU time of a request may be so many times that of the other checkout. */
const AS_CHEAP = 1.03

/**
 * Compares this checkout with another one by what a request costs in CPU time. Both run at the same time, and take turns
 * in short runs: each run of one is judged only by the run of the other next to it. So a machine that drifts, or does
 * other work, affects both, and the median of the ratios is steady where two medians are not.
 */
export const pairs: Benchmark = async ({ seconds, runs, against, only = '' }) => {
  const reasons = [
    against === undefined ? 'pairs needs --against FOLDER' : undefined,
    await installed('wrk', 'apt-get install wrk')(),
    await installed('h2load', 'apt-get install nghttp2-client')(),
  ].filter((reason) => reason !== undefined)
  if (reasons.length > 0) {
    printVerdicts([], reasons)
    return { missing: reasons }
  }
  const rows: Row[] = []
  for (const pair of PAIRS.filter(({ name }) => name.includes(only))) {
    const row = await measure(pair, against, seconds, runs)
    console.error(`pairs: ${pair.name}: ${row.ratio.toFixed(3)}`)
    rows.push(row)
  }
  printTable(
    ['requests', 'CPU µs now', 'before', 'ratio', 'middle half', 'runs'],
    rows.map(({ name, now, before, ratio, low, high }) => [
      name,
      now.toFixed(1),
      before.toFixed(1),
      ratio.toFixed(3),
      `${low.toFixed(3)} to ${high.toFixed(3)}`,
      runs,
    ]),
  )
  const verdicts: Verdict[] = rows.map(({ name, ratio }) => ({
    target: `${name} CPU ≤ ${AS_CHEAP} × before`,
    reached: ratio.toFixed(3),
    met: ratio <= AS_CHEAP,
  }))
  printVerdicts(verdicts)
  return { rows, verdicts }
}

interface Row {
  readonly name: string
  /** Medians of the CPU time of a request, in microseconds. */
  readonly now: number
  readonly before: number
  /** The median of the ratios of neighbouring runs, and their quartiles. */
  readonly ratio: number
  readonly low: number
  readonly high: number
}

const measure = (
  { name, upstream, contender, load }: Pair,
  against: string | undefined,
  seconds: number,
  runs: number,
): Promise<Row> =>
  contest(upstream, [contender('now', undefined), contender('before', against)], 1000, async (all) => {
    await writeFile(messageIn(all.folder), GRPC_MESSAGE)
    const now = all.running.get('now') as Running
    const before = all.running.get('before') as Running
    const cost = async ({ port, pids }: Running): Promise<number> => {
      const start = await usage(pids)
      const requests = await load(port, seconds, all.folder)
      return (((await usage(pids)).cpuSeconds - start.cpuSeconds) / requests) * 1e6
    }
    // Compilers are warm in every measured run.
    for (const each of [now, before, now, before]) await load(each.port, seconds, all.folder)
    const costs: { now: number; before: number }[] = []
    for (let run = 0; run < runs; run++) {
      // Taking turns in who is first cancels what the first one does to the second one.
      const first = await cost(run % 2 === 0 ? now : before)
      const second = await cost(run % 2 === 0 ? before : now)
      costs.push(run % 2 === 0 ? { now: first, before: second } : { now: second, before: first })
    }
    const ratios = costs.map((each) => each.now / each.before)
    return {
      name,
      now: quantile(
        costs.map((each) => each.now),
        0.5,
      ),
      before: quantile(
        costs.map((each) => each.before),
        0.5,
      ),
      ratio: quantile(ratios, 0.5),
      low: quantile(ratios, 0.25),
      high: quantile(ratios, 0.75),
    }
  })

function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((one, two) => one - two)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] as number
}
