import { createHash } from 'node:crypto'
import type { KubernetesObject } from '../manifests/object.ts'
import type { Container, Service, ServicePort } from '../kubernetes.ts'

/** A pod from the view of Services. */
export interface Backend {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  readonly ip: string
  readonly labels: Readonly<Record<string, string>>
  readonly containers: readonly Container[]
  readonly ready: boolean
  readonly serving: boolean
  readonly terminating: boolean
}

/** The pods that a Service selects. A Service without a selector has none. */
export function backendsOf(service: Service, pods: readonly Backend[]): Backend[] {
  const selector = Object.entries(service.spec.selector ?? {})
  if (selector.length === 0) return []
  return pods.filter(
    (pod) =>
      pod.namespace === service.metadata.namespace &&
      selector.every(([label, value]) => pod.labels[label] === value),
  )
}

/** The number of a Service port's targetPort in a pod. Undefined if no container has a port of that name. */
export function targetPortOf(port: ServicePort, pod: Backend): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  for (const { ports } of pod.containers) {
    const named = ports?.find(({ name }) => name === target)
    if (named !== undefined) return named.containerPort
  }
  return undefined
}

/** The endpoints for a connection to a Service port: ready pods, or else terminating ones that still serve. */
export function dialable(
  service: Service,
  port: ServicePort,
  pods: readonly Backend[],
): { host: string; port: number }[] {
  const backends = backendsOf(service, pods)
  const unready = service.spec.publishNotReadyAddresses === true
  const ready = backends.filter((pod) => pod.ready || unready)
  const chosen = ready.length > 0 ? ready : backends.filter((pod) => pod.serving && pod.terminating)
  return chosen.flatMap((pod) => {
    const target = targetPortOf(port, pod)
    return target === undefined ? [] : [{ host: pod.ip, port: target }]
  })
}

/**
 * The EndpointSlices of a Service (discovery.k8s.io/v1): one for each set of port numbers of its pods. The sets differ
 * while a named port moves during a rolling update.
 */
export function endpointSlices(service: Service, pods: readonly Backend[]): KubernetesObject[] {
  const groups = new Map<string, { ports: object[]; endpoints: object[] }>()
  for (const pod of backendsOf(service, pods)) {
    const ports = (service.spec.ports ?? []).flatMap((port) => {
      const number = targetPortOf(port, pod)
      if (number === undefined) return []
      const { name = '', appProtocol } = port
      return [{ name, port: number, protocol: 'TCP', ...(appProtocol !== undefined && { appProtocol }) }]
    })
    const key = JSON.stringify(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    groups.set(key, group)
    group.endpoints.push(endpointOf(pod, service.spec.publishNotReadyAddresses === true))
  }
  return [...groups].map(([key, group]) => slice(service, key, group))
}

function endpointOf(pod: Backend, publishUnready: boolean): object {
  const { ready, serving, terminating, namespace, name, uid } = pod
  return {
    addresses: [pod.ip],
    conditions: { ready: ready || publishUnready, serving, terminating },
    targetRef: { kind: 'Pod', namespace, name, uid },
    nodeName: 'local',
  }
}

function slice(
  service: Service,
  key: string,
  group: { ports: object[]; endpoints: object[] },
): KubernetesObject {
  const { name, namespace } = service.metadata
  const suffix = createHash('sha256').update(key).digest('hex').slice(0, 5)
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-${suffix}`,
      ...(namespace !== undefined && { namespace }),
      labels: {
        'kubernetes.io/service-name': name,
        'endpointslice.kubernetes.io/managed-by': 'branchline-local',
      },
    },
    addressType: 'IPv4',
    ...group,
  }
}
