/** An alert of Prometheus, with what to do in its annotations. */
export interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: 'critical' | 'warning' }
  readonly annotations: { readonly summary: string; readonly remedy: string }
}

const alert = (
  name: string,
  severity: 'critical' | 'warning',
  expr: string,
  wait: string | undefined,
  summary: string,
  remedy: string,
): Alert => ({
  alert: name,
  expr,
  ...(wait !== undefined && { for: wait }),
  labels: { severity },
  annotations: { summary, remedy },
})

/** The alerts of the relay. docs/operations.md explains each of them. */
// prettier-ignore
export const ALERTS: readonly Alert[] = [
  alert('BranchlineRelayDown', 'critical', 'up{job=~"branchline-(coordinator|worker)"} == 0', '1m', '{{ $labels.job }} {{ $labels.instance }} does not answer.', 'Look at its pod and its log.'),
  alert('BranchlineNoLeader', 'critical', 'sum(branchline_coordinator_leads) == 0 or absent(branchline_coordinator_leads)', '1m', 'No coordinator leads, so no change reaches a worker. Traffic goes on.', 'Look whether coordinators run and reach the database.'),
  alert('BranchlineDatabaseLost', 'critical', 'branchline_coordinator_database_up == 0', '1m', 'The database does not respond to {{ $labels.instance }}. Changes wait, traffic goes on.', 'Bring PostgreSQL back. No restart is needed.'),
  alert('BranchlineWorkerLost', 'warning', 'branchline_coordinator_workers{state="lost"} > 0', '1m', '{{ $value }} workers are lost.', 'Bring them back, or delete them (DELETE /api/v1/workers/ID).'),
  alert('BranchlineWorkerBehind', 'warning', 'branchline_coordinator_worker_lag_epochs > 0', '2m', 'The worker {{ $labels.worker }} does not apply what it is sent.', 'Look at its log and its CPU.'),
  alert('BranchlineWorkerWithoutCoordinator', 'warning', 'branchline_relay_coordinator_connected == 0', '5m', 'The worker {{ $labels.instance }} has no coordinator and serves its last circuits.', 'Look whether it reaches the API of a coordinator.'),
  alert('BranchlineCertificateExpires', 'warning', 'branchline_relay_certificate_expiry_timestamp_seconds - time() < 14 * 86400', '1h', 'The certificate {{ $labels.certificate }} expires in less than 14 days.', 'Renew it, or look why its renewal fails.'),
  alert('BranchlineCircuitsUnhealthy', 'warning', 'branchline_coordinator_circuits{status="unhealthy"} > 0', '5m', '{{ $value }} circuits are unhealthy.', 'The status of each circuit names the reason (GET /api/v1/circuits?status=UNHEALTHY).'),
  alert('BranchlineTunnelStalled', 'warning', 'branchline_relay_stalled_streams > 10 and branchline_relay_stalled_streams > 0.5 * branchline_relay_streams', '5m', 'More than half of the streams of {{ $labels.instance }} wait for their cluster.', 'Look at the network and the managers of the cluster.'),
  alert('BranchlineRequestsFail', 'warning', 'sum by (cluster, kind) (rate(branchline_relay_requests_total{code="5xx"}[5m])) / sum by (cluster, kind) (rate(branchline_relay_requests_total[5m])) > 0.05', '5m', 'More than 5 % of the requests of {{ $labels.kind }} {{ $labels.cluster }} fail.', 'branchline_relay_replies_total names the reasons.'),
]

/** The alerts as a file of rules. */
export const rules = (): object => ({ groups: [{ name: 'branchline-relay', rules: ALERTS }] })
