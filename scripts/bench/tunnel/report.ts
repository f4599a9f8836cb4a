import { join } from 'node:path'
import { contest } from '../contest.ts'
import { haproxyTcp, haproxyTwice } from '../contenders/haproxy.ts'
import { contendersOf } from '../contenders/index.ts'
import { PREVIEW_HOST, RELAY_AND_GATEWAY } from '../contenders/relay.ts'
import { BEFORE } from '../contenders/sidecar.ts'
import { runLoad } from '../http/load.ts'
import { installed, usage } from '../processes.ts'
import { runStreams } from '../stream/report.ts'
import {
  asFastAsBefore,
  type Benchmark,
  median,
  printTable,
  printVerdicts,
  ratio,
  type Verdict,
} from '../verdict.ts'

/** The ratios that chisel (SSH over WebSocket) reached to the same HAProxy: 19,500 of 51,800 requests, 340 of 1,304 MB. */
const CHISEL = { requests: 19_500 / 51_800, bulk: 340 / 1_304 }

interface Row {
  readonly name: string
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
  readonly cpuMicroseconds: number
  readonly bulk1: number
  readonly bulk8: number
}

async function sample(name: string, port: number, pids: readonly number[], seconds: number): Promise<Row> {
  const before = await usage(pids)
  const load = await runLoad(port, '/100', seconds, PREVIEW_HOST)
  const cpuSeconds = (await usage(pids)).cpuSeconds - before.cpuSeconds
  const cpuMicroseconds = (cpuSeconds / (load.requestsPerSecond * seconds)) * 1e6
  const bulk1 = (await runStreams('download', port, 1, seconds)).perSecond
  const bulk8 = (await runStreams('download', port, 8, seconds)).perSecond
  return { name, ...load, cpuMicroseconds, bulk1, bulk8 }
}

/** Measures requests and bulk data from the relay through the tunnel to a service, compared with HAProxy without a tunnel. */
export const tunnel: Benchmark = async ({ seconds, runs, against }) => {
  const reason = await installed('wrk', 'apt-get install wrk')()
  if (reason !== undefined) {
    printVerdicts([], [reason])
    return { missing: [reason] }
  }
  const upstream = { script: join(import.meta.dirname, '../stream/upstream.ts'), args: ['visits'] }
  return contest(upstream, contendersOf('tunnel', against), 0, async ({ running, missing }) => {
    const samples: Row[] = []
    for (let i = 0; i < runs; i++) {
      for (const [name, { port, pids }] of running) samples.push(await sample(name, port, pids, seconds))
    }
    const groups = Map.groupBy(samples, ({ name }) => name)
    const rows = [...groups.values()].map((group) => median(group, (row) => row.requestsPerSecond))
    printRows(rows)
    const verdicts = judge(rows)
    printVerdicts(verdicts, missing)
    return { rows, verdicts, missing }
  })
}

function printRows(rows: readonly Row[]): void {
  printTable(
    ['way', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs/req', 'MB/s, 1 stream', 'MB/s, 8 streams', 'errors'],
    rows.map((row) => [
      row.name,
      Math.round(row.requestsPerSecond),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.cpuMicroseconds.toFixed(1),
      Math.round(row.bulk1),
      Math.round(row.bulk8),
      row.errors,
    ]),
  )
}

function judge(rows: readonly Row[]): Verdict[] {
  const named = (name: string): Row | undefined => rows.find((row) => row.name === name)
  const [ours, one, two] = [RELAY_AND_GATEWAY, haproxyTcp.name, haproxyTwice.name].map(named)
  const requests = 2 * CHISEL.requests
  const cost = (ours?.cpuMicroseconds ?? 0) / (two?.cpuMicroseconds ?? Number.NaN)
  if (Number.isFinite(cost))
    console.log(`CPU a request: ${cost.toFixed(2)} × that of two HAProxies without a tunnel`)
  return [
    ...ratio(
      `requests ≥ ${requests.toFixed(2)} × HAProxy in one TCP hop without a tunnel (2 × chisel-like)`,
      ours?.requestsPerSecond,
      one?.requestsPerSecond,
      (r) => r >= requests,
    ),
    // On a shared machine, other work affects requests per second, but not CPU per request.
    ...ratio(
      `the same by what a request costs: CPU ≤ ${(1 / requests).toFixed(2)} × HAProxy's`,
      ours?.cpuMicroseconds,
      one?.cpuMicroseconds,
      (r) => r <= 1 / requests,
    ),
    ...ratio(
      `bulk ≥ ${CHISEL.bulk.toFixed(2)} × HAProxy in one TCP hop without a tunnel (1 × chisel-like)`,
      ours?.bulk1,
      one?.bulk1,
      (r) => r >= CHISEL.bulk,
    ),
    ...asFastAsBefore('tunnel', ours, named(RELAY_AND_GATEWAY + BEFORE)),
  ]
}
