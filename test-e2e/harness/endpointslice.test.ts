/**
 * The EndpointSlices that the oldest supported Kubernetes (1.30) makes for an injected Service, by its own code. Before
 * 1.33, it looks for the name in a `targetPort` only among the ports of containers, not of native sidecars.
 * `npm run test:peers` builds and runs it.
 */
import { join } from 'node:path'
import { injectSidecar, type Manifest } from '@branchline/cdk8s/inject'
import { ask, goProgram } from '@branchline/runtime/peers/programs'
import { expect, test } from 'vitest'

const program = await goProgram(join(import.meta.dirname, '../peers/endpointslice'))
const reason = 'missing' in program ? ` (${program.missing})` : ''

const labels = { app: 'web' }
const service: Manifest = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'alice' },
  spec: {
    selector: labels,
    ports: [
      { name: 'http', port: 80, targetPort: 'web' },
      { name: 'metrics', port: 9090, targetPort: 9090 },
    ],
  },
}
const deployment: Manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'alice' },
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: 'web', image: 'web', ports: [{ name: 'web', containerPort: 8080 }] }] },
    },
  },
}

test.skipIf('missing' in program)(
  `an injected Service has endpoints in Kubernetes 1.30${reason}`,
  async () => {
    const { workload, services } = injectSidecar(deployment, [service], { environment: 'alice' })
    const portsOf = (one: Manifest, other: Manifest) =>
      ask(program, JSON.stringify(one), JSON.stringify(other))
    expect(await portsOf(services[0] as Manifest, workload)).toEqual({ http: 25001, metrics: 25002 })
    expect(await portsOf(service, deployment)).toEqual({ http: 8080, metrics: 9090 })
    // A pod that has no sidecar yet is no endpoint, so that no caller reaches a closed port.
    expect(await portsOf(services[0] as Manifest, deployment)).toEqual({})
  },
)
