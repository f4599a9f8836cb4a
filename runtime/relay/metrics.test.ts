import { expect, test } from 'vitest'
import { type MetricsSource, RelayMetrics } from './metrics.ts'

const SOURCE: MetricsSource = {
  clusters: () => 2,
  links: () => 3,
  labels: () => 7,
  streams: () => 3,
  stalledStreams: () => 1,
  held: () => 5,
  connections: () => 5,
  coordinatorConnected: () => 1,
  term: () => 4,
  epoch: () => 9,
  heartbeats: () => 8,
  stalls: () => ({ credit: 6, link: 2 }),
  checks: () => ({ passed: 3, failed: 1 }),
}

test('requests are counted by cluster, kind and class of the response, with durations', async () => {
  const metrics = new RelayMetrics(SOURCE)
  metrics.exchangeDone('dev', 'preview', 200, 0.5)
  metrics.exchangeDone('dev', 'preview', 204, 20)
  metrics.exchangeDone('dev', 'preview', 0, 60_000)
  metrics.exchangeDone(undefined, 'none', 404, 1)
  metrics.replied('unknown-host')
  metrics.connectionRefused()
  const { contentType, text } = await metrics.read()
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  expect(lines.filter((line) => !line.includes('_seconds'))).toEqual([
    'branchline_relay_requests_total{cluster="dev",kind="preview",code="none"} 1',
    'branchline_relay_requests_total{cluster="dev",kind="preview",code="2xx"} 2',
    'branchline_relay_requests_total{cluster="",kind="none",code="4xx"} 1',
    'branchline_relay_replies_total{reason="unknown-host"} 1',
    'branchline_relay_refused_connections_total 1',
    'branchline_relay_clusters 2',
    'branchline_relay_links 3',
    'branchline_relay_labels 7',
    'branchline_relay_streams 3',
    'branchline_relay_stalled_streams 1',
    'branchline_relay_held 5',
    'branchline_relay_connections 5',
    'branchline_relay_coordinator_connected 1',
    'branchline_relay_term 4',
    'branchline_relay_epoch 9',
    'branchline_relay_heartbeats_total 8',
    'branchline_relay_tunnel_stalls_total{cause="credit"} 6',
    'branchline_relay_tunnel_stalls_total{cause="link"} 2',
    'branchline_relay_health_checks_total{result="passed"} 3',
    'branchline_relay_health_checks_total{result="failed"} 1',
  ])
  expect(lines).toContain('branchline_relay_request_seconds_bucket{kind="preview",le="0.001"} 1')
  expect(lines).toContain('branchline_relay_request_seconds_bucket{kind="preview",le="0.05"} 2')
  expect(lines).toContain('branchline_relay_request_seconds_bucket{kind="preview",le="+Inf"} 3')
  expect(lines).toContain('branchline_relay_request_seconds_count{kind="none"} 1')
  expect(metrics.requests).toBe(4)
})

test('clusters beyond the maximum are counted together', async () => {
  const metrics = new RelayMetrics(SOURCE)
  for (let index = 0; index < 1_100; index++) metrics.exchangeDone(`c${index}`, 'preview', 200, 1)
  const { text } = await metrics.read()
  expect(text.match(/requests_total\{/g)).toHaveLength(1_001)
  expect(text).toContain('{cluster="other",kind="preview",code="2xx"} 100\n')
})
