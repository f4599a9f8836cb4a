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

export interface ContainerPort {
  name?: string
  containerPort: number
  protocol?: string
  [field: string]: unknown
}

export interface Container {
  name: string
  restartPolicy?: string
  ports?: ContainerPort[]
  env?: { name: string; value?: string; [field: string]: unknown }[]
  lifecycle?: { preStop?: unknown; [field: string]: unknown }
  resources?: { requests?: Record<string, unknown>; limits?: Record<string, unknown> }
  [field: string]: unknown
}

export interface PodSpec {
  hostNetwork?: boolean
  os?: { name?: string }
  nodeSelector?: Record<string, string>
  restartPolicy?: string
  terminationGracePeriodSeconds?: number
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

/** The workloads whose pods serve, by the group of their API. */
const WORKLOADS: Readonly<Record<string, readonly string[]>> = {
  '': ['ReplicationController'],
  apps: ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'],
  'argoproj.io': ['Rollout'],
}

const groupOf = ({ apiVersion }: Manifest): string =>
  apiVersion.includes('/') ? (apiVersion.split('/', 1)[0] as string) : ''

/** YAML has null where a template of Helm rendered nothing. It means the same as an absent field. */
const present = <T>(value: T | null | undefined): T | undefined => value ?? undefined

interface TemplateHolder {
  readonly template?: PodTemplate | null
  readonly jobTemplate?: { readonly spec?: TemplateHolder | null } | null
}

/** Returns the pod template of a workload, the manifest itself if it is a Pod, or undefined for other kinds. */
export function podTemplateOf(manifest: Manifest): PodTemplate | undefined {
  if (manifest.kind === 'Pod' && manifest.apiVersion === 'v1') return manifest as PodTemplate
  if (WORKLOADS[groupOf(manifest)]?.includes(manifest.kind) !== true) return undefined
  return present((manifest.spec as TemplateHolder | null | undefined)?.template)
}

/** Returns the pod template of a Job or a CronJob. Its pods end, and serve nothing that the injection routes. */
export function jobTemplateOf(manifest: Manifest): PodTemplate | undefined {
  if (groupOf(manifest) !== 'batch') return undefined
  const spec = manifest.spec as TemplateHolder | null | undefined
  if (manifest.kind === 'Job') return present(spec?.template)
  return manifest.kind === 'CronJob' ? present(spec?.jobTemplate?.spec?.template) : undefined
}

/** Returns the pod template of every kind that an injection may change: a workload, a Pod, a Job or a CronJob. */
export const injectedTemplateOf = (manifest: Manifest): PodTemplate | undefined =>
  podTemplateOf(manifest) ?? jobTemplateOf(manifest)

/** Returns the spec of a Service, or undefined for other kinds. */
export function serviceSpecOf(manifest: Manifest): ServiceSpec | undefined {
  if (manifest.kind !== 'Service' || manifest.apiVersion !== 'v1') return undefined
  return present(manifest.spec as ServiceSpec | null | undefined)
}

/** Reports whether a Service's selector selects the pods of a template: all its labels match, and it has at least one. */
export function selects(spec: ServiceSpec, template: PodTemplate): boolean {
  const wanted = Object.entries(spec.selector ?? {})
  return wanted.length > 0 && wanted.every(([name, value]) => template.metadata?.labels?.[name] === value)
}

/**
 * Returns the number of a Service port's target in a pod. A name is resolved as Kubernetes does: by the ports of the
 * containers with the same protocol, then by those of native sidecars. An init container that ends serves nothing.
 */
export function targetNumber(port: ServicePort, template: PodTemplate): number | undefined {
  const target = port.targetPort ?? port.port
  if (typeof target === 'number') return target
  const { containers, initContainers } = template.spec ?? {}
  const sidecars = (initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...(containers ?? []), ...sidecars]
    .flatMap(({ ports }) => ports ?? [])
    .find(({ name, protocol }) => name === target && (protocol ?? 'TCP') === (port.protocol ?? 'TCP'))
    ?.containerPort
}

/** Returns all containers of a pod, init containers first. */
export function containersOf(template: PodTemplate): Container[] {
  return [...(template.spec?.initContainers ?? []), ...(template.spec?.containers ?? [])]
}

/** Reports whether two objects are in the same namespace. Objects that name none are in one. */
export const sameNamespace = (one: Manifest, two: Manifest): boolean =>
  (one.metadata.namespace ?? '') === (two.metadata.namespace ?? '')

export const nameOf = (manifest: Manifest): string => manifest.metadata.name ?? ''

/** Formats an object for people: `Deployment "web"`. */
export const shown = (manifest: Manifest): string => `${manifest.kind} "${nameOf(manifest)}"`

/** Lists the ports of a Service for people: `8080 (http), 9090`. */
export const portList = (ports: readonly ServicePort[]): string =>
  ports.map(({ name, port }) => (name === undefined ? `${port}` : `${port} (${name})`)).join(', ')

/** Returns the Kubernetes objects of a document: itself, those of a List, or none if it is something else. */
export function objectsIn(value: unknown): Manifest[] {
  if (typeof value !== 'object' || value === null) return []
  const { apiVersion, kind, metadata, items } = value as Partial<Manifest> & { items?: unknown }
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return []
  if (kind.endsWith('List') && Array.isArray(items)) return items.flatMap(objectsIn)
  return typeof metadata === 'object' && metadata !== null ? [value as Manifest] : []
}
