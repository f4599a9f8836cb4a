import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { contest } from '../contest.ts'
import { contendersOf } from '../contenders/index.ts'
import { nginxGrpc } from '../contenders/nginx.ts'
import { BEFORE, OURS } from '../contenders/sidecar.ts'
import { installed, LOAD_CORE, usage } from '../processes.ts'
import {
  asFastAsBefore,
  type Benchmark,
  median,
  printTable,
  printVerdicts,
  ratio,
  type Verdict,
} from '../verdict.ts'

interface Figures {
  readonly requestsPerSecond: number
  readonly failed: number
}
interface Row extends Figures {
  readonly name: string
  readonly kind: string
  readonly cpuMicroseconds: number
}

/** Runs h2load on the load's core: 8 connections of 32 streams each, all with alice's key. */
async function run(port: number, seconds: number, body: string | undefined): Promise<Figures> {
  const post =
    body === undefined ? [] : ['-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers']
  const args = [
    '-t1',
    '-c8',
    '-m32',
    `-D${seconds}`,
    '--warm-up-time=1',
    '-H',
    'tracestate: branchline=alice',
    ...post,
  ]
  const { stdout } = await promisify(execFile)('taskset', [
    '-c',
    LOAD_CORE,
    'h2load',
    ...args,
    `http://127.0.0.1:${port}/`,
  ])
  return {
    requestsPerSecond: Number(/finished in .*?, ([\d.]+) req\/s/.exec(stdout)?.[1] ?? 0),
    failed: Number(/(\d+) failed/.exec(stdout)?.[1] ?? 0),
  }
}

/** Measures HTTP/2 streams and unary gRPC calls through the sidecar and through nginx, by h2load. */
export const http2: Benchmark = async ({ seconds, runs, against }) => {
  const reason = await installed('h2load', 'apt-get install nghttp2-client')()
  if (reason !== undefined) {
    printVerdicts([], [reason])
    return { missing: [reason] }
  }
  const upstream = { script: join(import.meta.dirname, 'upstream.ts') }
  return contest(
    upstream,
    contendersOf('http2', against),
    1000,
    async ({ folder, upstreamPort, running, missing }) => {
      const message = join(folder, 'message')
      await writeFile(message, Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, 'm')]))
      const samples: Row[] = []
      for (let i = 0; i < runs; i++) {
        for (const [kind, body] of [
          ['h2 GET', undefined],
          ['gRPC unary', message],
        ] as const) {
          samples.push({
            name: 'no proxy',
            kind,
            cpuMicroseconds: 0,
            ...(await run(upstreamPort, seconds, body)),
          })
          for (const [name, { port, pids }] of running) {
            const before = await usage(pids)
            const figures = await run(port, seconds, body)
            const cpuSeconds = (await usage(pids)).cpuSeconds - before.cpuSeconds
            const cpuMicroseconds = (cpuSeconds / (figures.requestsPerSecond * (seconds + 1))) * 1e6
            samples.push({ name, kind, cpuMicroseconds, ...figures })
          }
        }
      }
      const groups = Map.groupBy(samples, ({ name, kind }) => `${kind} ${name}`)
      const rows = [...groups.values()].map((group) => median(group, (row) => row.requestsPerSecond))
      printTable(
        ['kind', 'hop', 'req/s', 'CPU µs/req', 'failed'],
        rows.map((row) => [
          row.kind,
          row.name,
          Math.round(row.requestsPerSecond),
          row.cpuMicroseconds.toFixed(1),
          row.failed,
        ]),
      )
      const find = (kind: string, name: string): Row | undefined =>
        rows.find((row) => row.kind === kind && row.name === name)
      const verdicts: Verdict[] = []
      for (const kind of ['h2 GET', 'gRPC unary']) {
        const ours = find(kind, OURS)
        const target = `${kind} ≥ 0.5 × nginx's grpc_pass`
        const rival = find(kind, nginxGrpc.name)?.requestsPerSecond
        verdicts.push(...ratio(target, ours?.requestsPerSecond, rival, (r) => r >= 0.5))
        verdicts.push(...asFastAsBefore(kind, ours, find(kind, OURS + BEFORE)))
      }
      printVerdicts(verdicts, missing)
      return { rows, verdicts, missing }
    },
  )
}
