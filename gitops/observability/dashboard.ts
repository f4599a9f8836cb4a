interface Panel {
  readonly title: string
  readonly unit: string
  /** By legend: the expression. */
  readonly series: Readonly<Record<string, string>>
}

const rate = (metric: string, by: string): string => `sum by (${by}) (rate(${metric}[$__rate_interval]))`
const quantile = (q: number, metric: string): string =>
  `histogram_quantile(${q}, ${rate(`${metric}_bucket`, 'le')})`

const PANELS: readonly Panel[] = [
  {
    title: 'Requests',
    unit: 'reqps',
    series: { '{{kind}} {{code}}': rate('branchline_relay_requests_total', 'kind, code') },
  },
  {
    title: 'Latency',
    unit: 's',
    series: {
      p50: quantile(0.5, 'branchline_relay_request_seconds'),
      p99: quantile(0.99, 'branchline_relay_request_seconds'),
    },
  },
  {
    title: 'Replies of the relay',
    unit: 'reqps',
    series: { '{{reason}}': rate('branchline_relay_replies_total', 'reason') },
  },
  {
    title: 'Bytes',
    unit: 'Bps',
    series: { '{{direction}}': rate('branchline_relay_bytes_total', 'direction') },
  },
  {
    title: 'Open',
    unit: 'short',
    series: {
      'visitors {{instance}}': 'branchline_relay_connections',
      'TCP {{instance}}': 'branchline_relay_port_connections',
      'streams {{instance}}': 'branchline_relay_streams',
    },
  },
  {
    title: 'Tunnel stalls',
    unit: 'ops',
    series: { '{{cause}}': rate('branchline_relay_tunnel_stalls_total', 'cause') },
  },
  {
    title: 'Circuits',
    unit: 'short',
    series: { '{{status}}': 'sum by (status) (branchline_coordinator_circuits)' },
  },
  {
    title: 'Workers',
    unit: 'short',
    series: { '{{state}}': 'sum by (state) (branchline_coordinator_workers)' },
  },
  {
    title: 'Epochs behind',
    unit: 'short',
    series: { '{{worker}}': 'branchline_coordinator_worker_lag_epochs' },
  },
  {
    title: 'Database',
    unit: 's',
    series: { p99: quantile(0.99, 'branchline_coordinator_database_seconds') },
  },
  {
    title: 'API',
    unit: 'reqps',
    series: {
      '{{operation}} {{code}}': rate('branchline_coordinator_api_requests_total', 'operation, code'),
    },
  },
  {
    title: 'Certificates expire in',
    unit: 's',
    series: { '{{certificate}}': 'branchline_relay_certificate_expiry_timestamp_seconds - time()' },
  },
]

const source = { type: 'prometheus', uid: '${source}' }

/** Returns the dashboard of the relay in Grafana's JSON model. */
export const dashboard = (): object => ({
  uid: 'branchline-relay',
  title: 'Branchline: relay',
  schemaVersion: 39,
  refresh: '30s',
  time: { from: 'now-1h', to: 'now' },
  templating: { list: [{ name: 'source', type: 'datasource', query: 'prometheus' }] },
  panels: PANELS.map(({ title, unit, series }, index) => ({
    id: index + 1,
    type: 'timeseries',
    title,
    datasource: source,
    gridPos: { x: (index % 2) * 12, y: Math.floor(index / 2) * 8, w: 12, h: 8 },
    fieldConfig: { defaults: { unit }, overrides: [] },
    targets: Object.entries(series).map(([legendFormat, expr], number) => ({
      refId: String.fromCharCode(65 + number),
      expr,
      legendFormat,
      datasource: source,
    })),
  })),
})

/** All expressions of the dashboard, for tests. */
export const expressions = (): string[] => PANELS.flatMap(({ series }) => Object.values(series))
