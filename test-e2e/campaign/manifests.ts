import { join } from 'node:path'
import { ANNOTATIONS, API_VERSION } from '@branchline/wire/names'
import { stringify } from 'yaml'

/** The environments of the campaign, and the services that each runs: `front` calls `back`. */
export const ENVIRONMENTS = {
  baseline: ['front', 'back'],
  alice: ['back'],
  bob: ['front'],
} as const
export type EnvironmentName = keyof typeof ENVIRONMENTS

/** The path of each environment's requests. */
export const PATHS: Readonly<Record<EnvironmentName, string>> = {
  baseline: 'front@baseline back@baseline',
  alice: 'front@baseline back@alice',
  bob: 'front@bob back@baseline',
}

/**
 * The pods that carry each environment's requests: those on its path, and those whose Service is called. Calls of
 * alice's `back` reach the baseline's Service first, and its pod's sidecar forwards them.
 */
export const CARRIERS: Readonly<Record<EnvironmentName, readonly string[]>> = {
  baseline: ['front@baseline', 'back@baseline'],
  alice: ['front@baseline', 'back@baseline', 'back@alice'],
  bob: ['front@bob', 'back@baseline'],
}

/** Returns the campaign's manifests by file. With `onUnavailable: fail`, a response of any other version is wrong. */
export function manifests(record: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const [name, services] of Object.entries(ENVIRONMENTS)) {
    const objects = [...environment(name), ...services.flatMap((service) => workload(name, service, record))]
    files[`${name}.yaml`] = objects.map((object) => `---\n${stringify(object)}`).join('')
  }
  return files
}

function environment(name: string): object[] {
  const spec =
    name === 'baseline' ? { type: 'shared' } : { type: 'branch', base: 'baseline', onUnavailable: 'fail' }
  const metadata = { name, namespace: name }
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    { apiVersion: API_VERSION, kind: 'Environment', metadata, spec },
    {
      apiVersion: API_VERSION,
      kind: 'Preview',
      metadata: { name: 'front', namespace: name },
      spec: { service: 'front', port: 8080 },
    },
  ]
}

function workload(namespace: string, service: string, record: string): object[] {
  const labels = { app: service }
  const values = {
    ENVIRONMENT: namespace,
    SERVICE: service,
    RECORD: record,
    ...(service === 'front' && { NEXT: 'back' }),
  }
  const container = {
    name: service,
    image: `campaign/${service}:1`,
    env: [
      ...Object.entries(values).map(([name, value]) => ({ name, value })),
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ],
    ports: [{ name: 'app', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/', port: 'app' }, periodSeconds: 1 },
  }
  const annotations = {
    [ANNOTATIONS.localDir]: import.meta.dirname,
    [ANNOTATIONS.localCommand]: JSON.stringify([process.execPath, join(import.meta.dirname, 'app.ts')]),
  }
  const metadata = { name: service, namespace }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels, annotations }, spec: { containers: [container] } },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        selector: labels,
        ports: [{ name: 'app', port: 8080, targetPort: 'app', appProtocol: 'http' }],
      },
    },
  ]
}
