/** The API group of Branchline's resources, and the prefix of its labels and annotations. */
export const GROUP = 'branchline.dev'
/** The served version of Branchline's resources. */
export const VERSION = 'v1alpha1'
export const API_VERSION = `${GROUP}/${VERSION}`

/** The default namespace of the platform. */
export const PLATFORM_NAMESPACE = 'branchline-system'

/** Labels that Branchline writes (Kubernetes label syntax). */
export const LABELS = {
  /** On namespaces and pods: the name of the environment to which they belong. */
  environment: `${GROUP}/environment`,
  /** On pods: `true` if the pod has a sidecar. */
  sidecar: `${GROUP}/sidecar`,
} as const

/** Annotations that Branchline reads or writes. */
export const ANNOTATIONS = {
  /**
   * On a pod template, a workload, a namespace or a Service, as an annotation or a label: `false` or `disabled` prevents
   * the injection of a sidecar, and `true` or `enabled` allows it again. The nearest to the pod takes precedence.
   */
  inject: `${GROUP}/inject`,
  /** On a pod template: the sidecar's listeners. See {@link formatInbound}. */
  inbound: `${GROUP}/inbound`,
  /** On a pod template and on a Service: the changes of the injection as JSON, so that `uninject` can undo them. */
  injected: `${GROUP}/injected`,
  /** Next to `injected`: original texts of values that the injection replaced as JSON, so that `uninject` restores them. */
  source: `${GROUP}/injected-source`,
  /** On an Environment: what happens to it after its ttl ends, `keep` or `delete`. */
  expiry: `${GROUP}/expiry`,
  /** On a pod template: the domain below which the host of a visitor's request means a key (`alice.shop.example.com`). */
  entryDomain: `${GROUP}/entry-domain`,
  /** On a pod template: its share of the requests that sidecars send to its Service, 0 to 100. Default: 1. */
  weight: `${GROUP}/weight`,
  /** On a pod template: the CPU that its sidecar requests. Default: 10m. */
  sidecarCpu: `${GROUP}/sidecar-cpu`,
  /** On a pod template: the memory that its sidecar requests. Default: 64Mi. */
  sidecarMemory: `${GROUP}/sidecar-memory`,
  /** On a pod template: the CPU limit of its sidecar. Default: none, because throttling adds latency. */
  sidecarCpuLimit: `${GROUP}/sidecar-cpu-limit`,
  /** On a pod template: the memory limit of its sidecar. Default: 192Mi, or its request if that is more. */
  sidecarMemoryLimit: `${GROUP}/sidecar-memory-limit`,
  /** On a pod template: the command that the embedded cluster runs in place of the image's entrypoint. */
  localCommand: `${GROUP}/local-command`,
  /** On a pod template: the folder in which the embedded cluster runs it. */
  localDir: `${GROUP}/local-dir`,
  /** On a pod template: folders, files or globs, separated by commas. A change there restarts the command. */
  localWatch: `${GROUP}/local-watch`,
} as const

/** The name of the sidecar's container. */
export const SIDECAR_CONTAINER = 'branchline-sidecar'

/** The sidecar's admin port: health and metrics for every peer, the route table for its own pod. */
export const SIDECAR_ADMIN_PORT = 25000
/** The path of the preStop hook on the sidecar's admin port. It takes a POST, from its own pod alone. */
export const LEAVE_PATH = '/leave'
/** The first of the sidecar's inbound ports. Each further Service port gets the next number. */
export const SIDECAR_FIRST_INBOUND_PORT = 25001
/** The largest number of Service ports that one sidecar serves. */
export const SIDECAR_MAX_INBOUND_PORTS = 64

/** The number of different names of the sidecar's listeners. */
export const INBOUND_PORT_SLOTS = 10_000
/** Returns the name of the port of the sidecar's listener with this slot (at most 15 characters). */
export const inboundPortName = (slot: number): string => `branchline-${slot}`
/** Returns the slot in the name of a listener's port, or undefined for other names. */
export function inboundPortSlot(name: unknown): number | undefined {
  const digits = typeof name === 'string' ? /^branchline-(0|[1-9]\d{0,3})$/.exec(name)?.[1] : undefined
  return digits === undefined ? undefined : Number(digits)
}

/** The manager's Service, its port for sidecars (WebSocket), and its port for health and metrics. */
export const MANAGER_SERVICE = 'branchline-manager'
export const MANAGER_ROUTES_PORT = 25080
export const MANAGER_ADMIN_PORT = 25081

/** The relay's Service, its port for visitors, for clusters' tunnels, and for health and metrics. */
export const RELAY_SERVICE = 'branchline-relay'
export const RELAY_HTTP_PORT = 8080
export const RELAY_HTTPS_PORT = 8443
export const RELAY_TUNNEL_PORT = 25090
export const RELAY_ADMIN_PORT = 25091
/** The port of the API of the relay's coordinator. */
export const RELAY_API_PORT = 6120
/** The Service of the relay's API, and the Deployment of coordinators that are not also workers. */
export const COORDINATOR_SERVICE = 'branchline-coordinator'

/** The audience of the ServiceAccount tokens with which sidecars prove their pod to the manager. */
export const TOKEN_AUDIENCE = 'branchline-manager'

/** Paths of the manager's and the relay's WebSocket endpoints. */
export const ROUTES_PATH = '/routes'
export const TUNNEL_PATH = '/tunnel'

/** The name of our entry in `tracestate` and `baggage`. */
export const TRACE_VENDOR = 'branchline'

/**
 * The header that a sidecar sets on a request that it routes to another environment's sidecar. The receiver then serves
 * the request itself, so that tables of different epochs cannot send a request in circles. Sidecars remove the header
 * before the app, and the relay removes it from visitors' requests.
 */
export const ROUTED_HEADER = 'x-branchline-routed'
