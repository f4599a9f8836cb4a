import { ANNOTATIONS } from '@branchline/wire/names'
import { protocolOf, type Protocol } from '@branchline/wire/inbound'
import type { Manifest } from '../inject/manifest.ts'
import { localAnnotations } from '../override/changes.ts'
import { RESTRICTED_CONTAINER, RESTRICTED_POD } from './pod-security.ts'
import { variableOf } from './variable.ts'
import type { WorkloadPort, WorkloadProps } from './workload-props.ts'

/** The objects of one workload, without a sidecar. */
export interface WorkloadManifests {
  readonly deployment: Manifest
  readonly serviceAccount: Manifest
  /** Absent if the workload has no port. */
  readonly service: Manifest | undefined
}

/** A port with all its defaults. */
export interface NamedPort {
  readonly name: string
  readonly port: number
  readonly targetPort: number
  readonly protocol: Protocol
}

/** Returns the ports of a workload. `port` is an HTTP port, and `ports` lists ports by name. */
export function portsOf(props: WorkloadProps): NamedPort[] {
  const single = props.port === undefined ? [] : [named('http', props.port)]
  return [...single, ...Object.entries(props.ports ?? {}).map(([name, port]) => named(name, port))]
}

function named(name: string, given: number | WorkloadPort): NamedPort {
  const port = typeof given === 'number' ? { port: given } : given
  return { name, targetPort: port.port, protocol: protocolOf({ name }), ...port }
}

/** Returns the Deployment, the ServiceAccount and the Service of a workload. Pure. */
export function workloadManifests(
  name: string,
  environment: string,
  props: WorkloadProps,
): WorkloadManifests {
  const labels = { ...props.labels, ...labelsOf(name, environment, props.image) }
  const selector = { 'app.kubernetes.io/name': name }
  const ports = portsOf(props)
  const annotations = {
    ...props.annotations,
    ...localAnnotations(props.local),
    // Otherwise the environment would add a sidecar, as it does to objects of other libraries.
    ...(props.sidecar === false ? { [ANNOTATIONS.inject]: 'disabled' } : {}),
  }
  const metadata = { name, labels }
  const serviceAccountName = props.serviceAccountName ?? name
  const template = {
    metadata: { labels, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
    spec: {
      serviceAccountName,
      automountServiceAccountToken: false,
      securityContext: { ...RESTRICTED_POD, ...(props.user === undefined ? {} : { runAsUser: props.user }) },
      containers: [containerOf(name, ports, props)],
      ...props.pod,
    },
  }
  return {
    deployment: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: props.replicas ?? 1, selector: { matchLabels: selector }, template },
    },
    serviceAccount: {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: serviceAccountName, labels },
      automountServiceAccountToken: false,
    },
    service: ports.length === 0 ? undefined : serviceOf(metadata, selector, ports),
  }
}

function labelsOf(name: string, environment: string, image: string): Record<string, string> {
  const tag = /:([A-Za-z0-9](?:[\w.-]{0,61}[A-Za-z0-9])?)$/.exec(image)?.[1]
  return {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/instance': environment,
    ...(tag === undefined ? {} : { 'app.kubernetes.io/version': tag }),
    'app.kubernetes.io/managed-by': 'cdk8s',
  }
}

function serviceOf(metadata: Manifest['metadata'], selector: object, ports: readonly NamedPort[]): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      selector,
      ports: ports.map(({ name, port, protocol }) => ({
        name,
        port,
        targetPort: name,
        ...(protocol === 'auto' ? {} : { appProtocol: APP_PROTOCOLS[protocol] }),
      })),
    },
  }
}

const APP_PROTOCOLS: Record<Exclude<Protocol, 'auto'>, string> = {
  http: 'http',
  http2: 'kubernetes.io/h2c',
  grpc: 'grpc',
  tcp: 'tcp',
}

function containerOf(name: string, ports: readonly NamedPort[], props: WorkloadProps) {
  const env = Object.entries(props.env ?? {}).map(([variable, value]) => variableOf(variable, value))
  return {
    name,
    image: props.image,
    ...(props.command === undefined ? {} : { command: props.command }),
    ...(props.args === undefined ? {} : { args: props.args }),
    ...(env.length === 0 ? {} : { env }),
    ...(ports.length === 0
      ? {}
      : { ports: ports.map(({ name, targetPort }) => ({ name, containerPort: targetPort })) }),
    ...probesOf(ports, props),
    resources: props.resources ?? DEFAULT_RESOURCES,
    securityContext: {
      ...RESTRICTED_CONTAINER,
      readOnlyRootFilesystem: props.readOnlyRootFilesystem ?? false,
    },
    ...props.container,
  }
}

/** There is no CPU limit, because a limit throttles a container even on an idle node. */
const DEFAULT_RESOURCES = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } }

/**
 * Returns the probes of a workload. With the startup probe, a fast app is ready immediately and a slow one is not
 * killed. There is a liveness probe only if the app declares a health check, because a refused connection alone is not a
 * reason to restart.
 */
function probesOf(ports: readonly NamedPort[], props: WorkloadProps): object {
  const first = ports[0]
  const health = props.health ?? (first === undefined ? false : 'tcp')
  if (health === false || first === undefined) return {}
  const action = probeAction(health, first)
  const probes = {
    startupProbe: { ...action, periodSeconds: 1, failureThreshold: 120 },
    readinessProbe: { ...action, periodSeconds: 5, failureThreshold: 2 },
  }
  if (health === 'tcp') return probes
  return { ...probes, livenessProbe: { ...action, periodSeconds: 10, failureThreshold: 3 } }
}

function probeAction(health: string, port: NamedPort): object {
  if (health === 'tcp') return { tcpSocket: { port: port.name } }
  // A gRPC probe accepts a port only by number.
  if (health === 'grpc') return { grpc: { port: port.targetPort } }
  return { httpGet: { path: health, port: port.name } }
}
