/** A Kubernetes object in YAML or JSON. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: Metadata
  spec?: unknown
  [field: string]: unknown
}

export interface Metadata {
  name?: string
  namespace?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  [field: string]: unknown
}

export interface Container {
  name: string
  ports?: { name?: string; containerPort: number; protocol?: string; [field: string]: unknown }[]
  env?: { name: string; value?: string; [field: string]: unknown }[]
  lifecycle?: { preStop?: unknown; [field: string]: unknown }
  [field: string]: unknown
}

export interface PodSpec {
  hostNetwork?: boolean
  containers?: Container[]
  initContainers?: Container[]
  volumes?: { name: string; [field: string]: unknown }[]
  dnsPolicy?: string
  dnsConfig?: { searches?: string[]; [field: string]: unknown }
  [field: string]: unknown
}

/** A pod template. A Pod has the same shape, so that the same code serves both. */
export interface PodTemplate {
  metadata?: Metadata
  spec?: PodSpec
  [field: string]: unknown
}

export interface ServicePort {
  name?: string
  port: number
  targetPort?: number | string
  protocol?: string
  appProtocol?: string
  [field: string]: unknown
}

export interface ServiceSpec {
  type?: string
  clusterIP?: string
  selector?: Record<string, string>
  ports?: ServicePort[]
  [field: string]: unknown
}

/** The workloads whose pods serve permanently. The pods of a Job end, and no Service selects them. */
const WORKLOAD_KINDS = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'])

/** Returns the pod template of a workload, the manifest itself if it is a Pod, or undefined for other kinds. */
export function podTemplateOf(manifest: Manifest): PodTemplate | undefined {
  if (manifest.kind === 'Pod' && manifest.apiVersion === 'v1') return manifest as PodTemplate
  if (!manifest.apiVersion.startsWith('apps/') || !WORKLOAD_KINDS.has(manifest.kind)) return undefined
  return (manifest.spec as { template?: PodTemplate } | undefined)?.template
}

/** Returns the spec of a Service, or undefined for other kinds. */
export function serviceSpecOf(manifest: Manifest): ServiceSpec | undefined {
  if (manifest.kind !== 'Service' || manifest.apiVersion !== 'v1') return undefined
  return manifest.spec as ServiceSpec | undefined
}

/** Reports whether a Service's selector selects the pods of a template: all its labels match, and it has at least one. */
export function selects(spec: ServiceSpec, template: PodTemplate): boolean {
  const wanted = Object.entries(spec.selector ?? {})
  return wanted.length > 0 && wanted.every(([name, value]) => template.metadata?.labels?.[name] === value)
}

/** Returns the number of a Service port's target in a pod. A name is resolved by the container ports. */
export function targetNumber(port: ServicePort, template: PodTemplate): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  return containersOf(template)
    .flatMap((container) => container.ports ?? [])
    .find(({ name }) => name === target)?.containerPort
}

/** Returns all containers of a pod, init containers first. */
export function containersOf(template: PodTemplate): Container[] {
  return [...(template.spec?.initContainers ?? []), ...(template.spec?.containers ?? [])]
}
