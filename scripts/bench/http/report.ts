import Table from 'cli-table3'
import { which } from 'zx'
import { type HopResult, measureHop, type Row } from './hop.ts'

const OURS = 'Branchline sidecar'
const ROUTES = 1000

/** A target, what was reached, and whether that is enough. */
interface Verdict {
  readonly target: string
  readonly reached: string
  readonly met: boolean
}

/** The sidecar's hop beside other proxies, each on one core with the load on the other; ratios of one run. */
export async function hop({ seconds, runs }: { seconds: number; runs: number }): Promise<unknown> {
  if ((await which('wrk', { nothrow: true })) === null) {
    console.log('hop: left out, wrk is not installed: apt-get install wrk')
    return { missing: ['wrk'] }
  }
  const result = await measureHop({
    seconds,
    runs,
    routes: ROUTES,
    onProgress: (line) => console.error(line),
  })
  const verdicts = judge(result)
  print(result, verdicts)
  return { ...result, verdicts }
}

const find = (result: HopResult, name: string, path: string): Row | undefined =>
  result.rows.find((row) => row.name === name && row.path === path)

function judge(result: HopResult): Verdict[] {
  const verdicts: Verdict[] = []
  const ratio = (target: string, ours: number, other: number, met: (ratio: number) => boolean): void => {
    if (Number.isFinite(ours / other))
      verdicts.push({ target, reached: (ours / other).toFixed(2), met: met(ours / other) })
  }
  for (const path of ['/100', '/65536']) {
    const ours = find(result, OURS, path)
    const rivals = ['nginx', 'HAProxy'].map((name) => find(result, name, path)?.requestsPerSecond ?? 0)
    ratio(
      `${path} ≥ 1.0 × the better of nginx and HAProxy`,
      ours?.requestsPerSecond ?? 0,
      Math.max(...rivals),
      (r) => r >= 1,
    )
    ratio(
      `${path} ≥ 4.5 × http-proxy-3`,
      ours?.requestsPerSecond ?? 0,
      find(result, 'http-proxy-3', path)?.requestsPerSecond ?? 0,
      (r) => r >= 4.5,
    )
    ratio(
      `${path} p99 ≤ 1.5 × HAProxy's`,
      ours?.p99Ms ?? 0,
      find(result, 'HAProxy', path)?.p99Ms ?? 0,
      (r) => r <= 1.5,
    )
  }
  const memory = result.memory.find(({ name }) => name === OURS)
  if (memory !== undefined) {
    verdicts.push({ target: 'idle ≤ 60 MB', reached: memory.idleMb.toFixed(0), met: memory.idleMb <= 60 })
    verdicts.push({
      target: 'under load ≤ 90 MB',
      reached: memory.loadMb.toFixed(0),
      met: memory.loadMb <= 90,
    })
  }
  return verdicts
}

function print(result: HopResult, verdicts: readonly Verdict[]): void {
  const table = new Table({
    head: ['path', 'hop', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs/req', 'RSS MB', 'errors'],
    style: { head: [] },
  })
  for (const row of result.rows) {
    table.push([
      row.path,
      row.name,
      Math.round(row.requestsPerSecond),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.cpuMicroseconds.toFixed(1),
      row.rssMb.toFixed(0),
      row.errors,
    ])
  }
  console.log(table.toString())
  for (const { name, idleMb, loadMb, afterMb } of result.memory) {
    console.log(
      `${name}: ${idleMb.toFixed(0)} MB idle, ${loadMb.toFixed(0)} MB under load, ${afterMb.toFixed(0)} MB afterwards`,
    )
  }
  for (const line of result.missing) console.log(`left out: ${line}`)
  for (const { target, reached, met } of verdicts)
    console.log(`${met ? 'met   ' : 'MISSED'} ${target}: ${reached}`)
}
