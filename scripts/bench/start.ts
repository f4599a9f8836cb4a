import { join } from 'node:path'
import { contest } from './contest.ts'
import { startSidecar } from './contenders/sidecar.ts'
import { type Benchmark, median, printVerdicts, type Verdict } from './verdict.ts'

const STARTS = 7
const MOST_MS = 300

/** Measures the time from a sidecar's start to its first table and an open port, for which a pod waits. */
export const start: Benchmark = () => {
  const upstream = { script: join(import.meta.dirname, 'http/upstream.ts') }
  return contest(upstream, [], 0, async ({ folder, upstreamPort }) => {
    const times: number[] = []
    for (let i = 0; i < STARTS; i++) {
      const running = await startSidecar({ folder, upstreamPort })
      times.push(running.readyMs)
      await running.stop()
    }
    const readyMs = median(times, (ms) => ms)
    const verdict: Verdict = {
      target: `ready in < ${MOST_MS} ms (median of ${STARTS})`,
      reached: `${readyMs.toFixed(0)} ms, from ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)}`,
      met: readyMs < MOST_MS,
    }
    printVerdicts([verdict])
    return { times, verdicts: [verdict] }
  })
}
