import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { contest } from '../contest.ts'
import { contendersOf } from '../contenders/index.ts'
import { nginxGrpc } from '../contenders/nginx.ts'
import { BEFORE, OURS } from '../contenders/sidecar.ts'
import { installed, usage } from '../processes.ts'
import {
  asFastAsBefore,
  type Benchmark,
  median,
  printTable,
  printVerdicts,
  ratio,
  type Verdict,
} from '../verdict.ts'
import { type Figures, GRPC_MESSAGE, runH2Load } from './load.ts'

interface Row extends Figures {
  readonly name: string
  readonly kind: string
  readonly cpuMicroseconds: number
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
      await writeFile(message, GRPC_MESSAGE)
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
            ...(await runH2Load(upstreamPort, seconds, body)),
          })
          for (const [name, { port, pids }] of running) {
            const before = await usage(pids)
            const figures = await runH2Load(port, seconds, body)
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
