import { expect, test } from 'vitest'
import { RelayMetrics } from './metrics.ts'

test('requests are counted by cluster and class of the response, with durations and open connections', async () => {
  const metrics = new RelayMetrics({
    clusters: () => 2,
    links: () => 3,
    labels: () => 7,
    streams: () => 3,
    held: () => 5,
    connections: () => 5,
  })
  metrics.exchangeDone('dev', 200, 0.5)
  metrics.exchangeDone('dev', 204, 20)
  metrics.exchangeDone('dev', 0, 60_000)
  metrics.exchangeDone(undefined, 404, 1)
  metrics.connectionRefused()
  const { contentType, text } = await metrics.read()
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  expect(lines.filter((line) => !line.includes('_seconds'))).toEqual([
    'branchline_relay_requests_total{cluster="dev",code="none"} 1',
    'branchline_relay_requests_total{cluster="dev",code="2xx"} 2',
    'branchline_relay_requests_total{cluster="",code="4xx"} 1',
    'branchline_relay_refused_connections_total 1',
    'branchline_relay_clusters 2',
    'branchline_relay_links 3',
    'branchline_relay_labels 7',
    'branchline_relay_streams 3',
    'branchline_relay_held 5',
    'branchline_relay_connections 5',
  ])
  expect(lines).toContain('branchline_relay_request_seconds_bucket{le="0.001"} 2')
  expect(lines).toContain('branchline_relay_request_seconds_bucket{le="0.05"} 3')
  expect(lines).toContain('branchline_relay_request_seconds_bucket{le="+Inf"} 4')
  expect(lines).toContain('branchline_relay_request_seconds_count 4')
})

test('clusters beyond the maximum are counted together', async () => {
  const none = (): number => 0
  const metrics = new RelayMetrics({
    clusters: none,
    links: none,
    labels: none,
    streams: none,
    held: none,
    connections: none,
  })
  for (let index = 0; index < 1_100; index++) metrics.exchangeDone(`c${index}`, 200, 1)
  const { text } = await metrics.read()
  expect(text.match(/requests_total\{/g)).toHaveLength(1_001)
  expect(text).toContain('{cluster="other",code="2xx"} 100\n')
})
