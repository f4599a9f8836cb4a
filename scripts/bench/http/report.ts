import { BEFORE, OURS } from '../contenders/sidecar.ts'
import { installed } from '../processes.ts'
import { asFastAsBefore, type Benchmark, printTable, printVerdicts, ratio, type Verdict } from '../verdict.ts'
import { type HopResult, measureHop, PATHS, type Row } from './hop.ts'

const ROUTES = 1000

/** Compares the sidecar's hop with other proxies, each on one core and the load on the other, as ratios of one run. */
export const hop: Benchmark = async ({ seconds, runs, against }) => {
  const missing = await installed('wrk', 'apt-get install wrk')()
  if (missing !== undefined) {
    console.log(`hop: left out, ${missing}`)
    return { missing }
  }
  const result = await measureHop({
    seconds,
    runs,
    routes: ROUTES,
    against,
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
  for (const path of ['/100', '/65536']) {
    const ours = find(result, OURS, path)
    const rate = ours?.requestsPerSecond
    const rivals = ['nginx', 'HAProxy'].map((name) => find(result, name, path)?.requestsPerSecond ?? 0)
    const best = Math.max(...rivals) || undefined
    const plain = find(result, 'http-proxy-3', path)?.requestsPerSecond
    verdicts.push(
      ...ratio(`${path} ≥ 1.0 × the better of nginx and HAProxy`, rate, best, (r) => r >= 1),
      ...ratio(`${path} ≥ 4.5 × http-proxy-3`, rate, plain, (r) => r >= 4.5),
      ...ratio(
        `${path} p99 ≤ 1.5 × HAProxy's`,
        ours?.p99Ms,
        find(result, 'HAProxy', path)?.p99Ms,
        (r) => r <= 1.5,
      ),
    )
  }
  for (const path of PATHS)
    verdicts.push(...asFastAsBefore(path, find(result, OURS, path), find(result, OURS + BEFORE, path)))
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
  printTable(
    ['path', 'hop', 'req/s', 'p50 ms', 'p99 ms', 'CPU µs/req', 'RSS MB', 'errors'],
    result.rows.map((row) => [
      row.path,
      row.name,
      Math.round(row.requestsPerSecond),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.cpuMicroseconds.toFixed(1),
      row.rssMb.toFixed(0),
      row.errors,
    ]),
  )
  for (const { name, idleMb, loadMb, afterMb } of result.memory) {
    console.log(
      `${name}: ${idleMb.toFixed(0)} MB idle, ${loadMb.toFixed(0)} MB under load, ${afterMb.toFixed(0)} MB afterwards`,
    )
  }
  printVerdicts(verdicts, result.missing)
}
