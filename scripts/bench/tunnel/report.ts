import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { bundle } from '../../bundle.ts'
import { contest } from '../contest.ts'
import type { Contender } from '../http/contenders.ts'
import { runLoad } from '../http/load.ts'
import type { Benchmark } from '../main.ts'
import { freePorts } from '../ports.ts'
import { failed, installed, listening, PROXY_CORE, startOn, stopAll, usage } from '../processes.ts'
import { bundled } from '../sidecar.ts'
import { rawHaproxy } from '../stream/contenders.ts'
import { runStreams } from '../stream/report.ts'
import { median, printTable, printVerdicts, ratio } from '../verdict.ts'

const HOST = 'web--alice.localhost'
const TOKEN = 'token-of-the-benchmarks-0123456789'
const OURS = 'relay and gateway'
/** What SSH over WebSocket, as chisel does it, reached beside the same HAProxy: 19,500 of 51,800 requests, 340 of 1,304 MB. */
const CHISEL = { requests: 19_500 / 51_800, bulk: 340 / 1_304 }

/** A relay, and the manager's end of its tunnel, both on the contender's core. */
const tunnelled: Contender = {
  name: OURS,
  missing: () => Promise.resolve(undefined),
  async start({ folder, upstreamPort }) {
    const [httpPort, tunnelPort, adminPort] = (await freePorts(3)) as [number, number, number]
    const gatewayFile = join(folder, 'gateway.mjs')
    await bundle(join(import.meta.dirname, 'gateway.ts'), gatewayFile)
    const relay = spawn('taskset', ['-c', PROXY_CORE, process.execPath, await bundled(folder, 'relay')], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        POD_IP: '127.0.0.1',
        BRANCHLINE_DOMAIN: 'localhost',
        BRANCHLINE_HTTP_PORT: String(httpPort),
        BRANCHLINE_TUNNEL_PORT: String(tunnelPort),
        BRANCHLINE_ADMIN_PORT: String(adminPort),
        BRANCHLINE_RELAY_TOKEN: TOKEN,
        LOG_LEVEL: 'warn',
      },
    })
    await Promise.race([listening(tunnelPort), failed(relay, 'the relay')])
    const args = [gatewayFile, `ws://127.0.0.1:${tunnelPort}`, TOKEN, `127.0.0.1:${upstreamPort}`]
    const gateway = await startOn(PROXY_CORE, process.execPath, args)
    const processes = [relay, gateway]
    return {
      port: httpPort,
      pids: processes.map(({ pid }) => pid as number),
      stop: () => stopAll(processes),
    }
  },
}

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
  const load = await runLoad(port, '/100', seconds, HOST)
  const cpuSeconds = (await usage(pids)).cpuSeconds - before.cpuSeconds
  const cpuMicroseconds = (cpuSeconds / (load.requestsPerSecond * seconds)) * 1e6
  const bulk1 = (await runStreams('download', port, 1, seconds)).perSecond
  const bulk8 = (await runStreams('download', port, 8, seconds)).perSecond
  return { name, ...load, cpuMicroseconds, bulk1, bulk8 }
}

/** Requests and bulk from the relay's port through the tunnel to a service, beside HAProxy without a tunnel. */
export const tunnel: Benchmark = async ({ seconds, runs }) => {
  const reason = await installed('wrk', 'apt-get install wrk')()
  if (reason !== undefined) {
    printVerdicts([], [reason])
    return { missing: [reason] }
  }
  const upstream = { script: join(import.meta.dirname, '../stream/upstream.ts'), args: ['visits'] }
  return contest(upstream, [tunnelled, rawHaproxy], 0, async ({ running, missing }) => {
    const samples: Row[] = []
    for (let i = 0; i < runs; i++) {
      for (const [name, { port, pids }] of running) samples.push(await sample(name, port, pids, seconds))
    }
    const groups = Map.groupBy(samples, ({ name }) => name)
    const rows = [...groups.values()].map((group) => median(group, (row) => row.requestsPerSecond))
    printTable(
      ['way', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs/req', 'MB/s, 1 stream', 'MB/s, 8 streams', 'errors'],
      rows.map((row) => [
        row.name === OURS ? row.name : `${row.name}, no tunnel`,
        Math.round(row.requestsPerSecond),
        row.p50Ms.toFixed(2),
        row.p99Ms.toFixed(2),
        row.cpuMicroseconds.toFixed(1),
        Math.round(row.bulk1),
        Math.round(row.bulk8),
        row.errors,
      ]),
    )
    const [ours, plain] = [rows.find(({ name }) => name === OURS), rows.find(({ name }) => name !== OURS)]
    const requests = 2 * CHISEL.requests
    const verdicts = [
      ...ratio(
        `requests ≥ ${requests.toFixed(2)} × HAProxy without a tunnel (2 × chisel-like)`,
        ours?.requestsPerSecond,
        plain?.requestsPerSecond,
        (r) => r >= requests,
      ),
      ...ratio(
        `bulk ≥ ${CHISEL.bulk.toFixed(2)} × HAProxy without a tunnel (1 × chisel-like)`,
        ours?.bulk1,
        plain?.bulk1,
        (r) => r >= CHISEL.bulk,
      ),
    ]
    printVerdicts(verdicts, missing)
    return { rows, verdicts, missing }
  })
}
