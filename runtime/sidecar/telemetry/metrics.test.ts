import { expect, test } from 'vitest'
import { MAX_SERIES, Metrics } from './metrics.ts'

const metrics = (): Metrics =>
  new Metrics({ epoch: () => undefined, managerConnected: () => false, held: () => 0 })
const scrape = async (from: Metrics): Promise<string> => (await from.read()).text

test('requests and durations have Prometheus’ text format', async () => {
  const some = metrics()
  const counted = { environment: 'alice', service: 'a"b', reason: 'override' } as const
  some.request(counted, 200, 0.0005)
  some.request(counted, 200, 0.3)
  some.request(counted, 0, 60)
  const text = await scrape(some)
  const labels = 'environment="alice",service="a\\"b",reason="override"'
  expect(text).toContain('# TYPE branchline_requests_total counter\n')
  expect(text).toContain(`branchline_requests_total{${labels},code="200"} 2\n`)
  expect(text).toContain(`branchline_requests_total{${labels},code="0"} 1\n`)
  expect(text).toContain('# TYPE branchline_request_duration_seconds histogram\n')
  expect(text).toContain(`branchline_request_duration_seconds_bucket{${labels},le="0.25"} 1\n`)
  expect(text).toContain(`branchline_request_duration_seconds_bucket{${labels},le="0.5"} 2\n`)
  expect(text).toContain(`branchline_request_duration_seconds_bucket{${labels},le="+Inf"} 3\n`)
  expect(text).toContain(`branchline_request_duration_seconds_count{${labels}} 3\n`)
  expect(text).toContain(`branchline_request_duration_seconds_sum{${labels}} 60.3005\n`)
  expect(text).toContain('branchline_route_table_epoch -1\n')
})

test('label values are bounded, and further ones are counted as other', async () => {
  const some = metrics()
  for (let index = 0; index < 3 * MAX_SERIES; index++) {
    some.request({ environment: `e${index}`, service: 'api', reason: 'own' }, 200, 0.001)
    some.upstreamFailure(`e${index}`, 'api', 'unreachable')
  }
  for (let status = 100; status < 1000; status++) {
    some.request({ environment: 'e0', service: 'api', reason: 'own' }, status, 0.001)
  }
  const text = await scrape(some)
  const lines = text.split('\n')
  const count = (start: string): number => lines.filter((line) => line.startsWith(start)).length
  expect(count('branchline_requests_total{')).toBeLessThan(MAX_SERIES + 20)
  expect(count('branchline_upstream_failures_total{')).toBe(MAX_SERIES + 1)
  expect(text).toContain(
    `branchline_requests_total{environment="other",service="other",reason="own",code="200"} ${2 * MAX_SERIES}`,
  )
})
