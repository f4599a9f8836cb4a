import { LABELS } from '@branchline/wire/names'
import type { Manifest } from '../inject/manifest.ts'
import { ADMIN_PORT_NAME } from '../inject/sidecar.ts'
import { metadataOf, selectorOf } from './process.ts'

const POD_MONITOR = { apiVersion: 'monitoring.coreos.com/v1', kind: 'PodMonitor' } as const
const INTERVAL = '30s'

/**
 * Returns PodMonitors of the Prometheus operator: one per process of the platform, and one for the sidecars of all
 * namespaces. They are not ServiceMonitors, because no Service exposes the admin ports.
 */
export function monitorManifests(components: readonly string[]): Manifest[] {
  const platform = components.map((component) => ({
    ...POD_MONITOR,
    metadata: metadataOf(`branchline-${component}`, component),
    spec: {
      selector: { matchLabels: selectorOf(component) },
      podMetricsEndpoints: [{ port: 'admin', path: '/metrics', interval: INTERVAL }],
    },
  }))
  const sidecars = {
    ...POD_MONITOR,
    metadata: metadataOf('branchline-sidecars', 'sidecar'),
    spec: {
      namespaceSelector: { any: true },
      selector: { matchLabels: { [LABELS.sidecar]: 'true' } },
      podMetricsEndpoints: [{ port: ADMIN_PORT_NAME, path: '/metrics', interval: INTERVAL }],
    },
  }
  return [...platform, sidecars]
}
