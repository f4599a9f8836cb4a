import { $ } from 'zx'
import { LOAD_CORE } from '../processes.ts'

/** The result of one run of load. */
export interface Figures {
  readonly requests: number
  readonly requestsPerSecond: number
  readonly failed: number
}

/** A gRPC message: not compressed, 4 bytes of length, 100 bytes of content. */
export const GRPC_MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, 'm')])

/**
 * Runs h2load on the load's core: 8 connections of 32 streams each, all with alice's key. `body` is a file with a gRPC
 * message; without it, the requests are GETs.
 */
export async function runH2Load(
  port: number,
  seconds: number,
  body: string | undefined,
  warmUpSeconds = 1,
): Promise<Figures> {
  const post =
    body === undefined ? [] : ['-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers']
  const args = ['-t1', '-c8', '-m32', `-D${seconds}`, `--warm-up-time=${warmUpSeconds}`, ...post]
  const key = 'tracestate: branchline=alice'
  const { stdout } =
    await $`taskset -c ${LOAD_CORE} h2load ${args} -H ${key} ${`http://127.0.0.1:${port}/`}`.quiet()
  return {
    requests: Number(/(\d+) succeeded/.exec(stdout)?.[1] ?? 0),
    requestsPerSecond: Number(/finished in .*?, ([\d.]+) req\/s/.exec(stdout)?.[1] ?? 0),
    failed: Number(/(\d+) failed/.exec(stdout)?.[1] ?? 0),
  }
}
