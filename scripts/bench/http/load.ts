import { $ } from 'zx'
import { LOAD_CORE } from '../processes.ts'

/** The result of one run of load. */
export interface Load {
  readonly requests: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly errors: number
}

const CONNECTIONS = 64

/** Runs wrk on the load's core: keep-alive connections that request one path with alice's key. */
export async function runLoad(
  port: number,
  path: string,
  seconds: number,
  host = 'api',
  connections = CONNECTIONS,
): Promise<Load> {
  const header = 'tracestate: rojo=00f067aa0ba902b7,branchline=alice'
  const url = `http://127.0.0.1:${port}${path}`
  const { stdout } =
    await $`taskset -c ${LOAD_CORE} wrk --latency -t1 -c${connections} -d${seconds}s -H ${header} -H ${`Host: ${host}`} ${url}`.quiet()
  const text = (pattern: RegExp): string => pattern.exec(stdout)?.[1] ?? ''
  const sum = [...stdout.matchAll(/(?:connect|read|write|timeout) (\d+)|Non-2xx or 3xx responses: (\d+)/g)]
    .map(([, one, two]) => Number(one ?? two))
    .reduce((total, count) => total + count, 0)
  return {
    requests: Number(text(/(\d+) requests in /)),
    requestsPerSecond: Number(text(/Requests\/sec:\s+([\d.]+)/)),
    p50Ms: milliseconds(text(/50%\s+([\d.]+\w+)/)),
    p99Ms: milliseconds(text(/99%\s+([\d.]+\w+)/)),
    errors: sum,
  }
}

function milliseconds(text: string): number {
  const value = Number.parseFloat(text)
  if (text.endsWith('us')) return value / 1000
  return text.endsWith('ms') ? value : value * 1000
}
