/** The API group of Branchline's resources, and the prefix of its labels and annotations. */
export const GROUP = 'branchline.dev'
/** The served version of Branchline's resources. */
export const VERSION = 'v1alpha1'
export const API_VERSION = `${GROUP}/${VERSION}`

/** The namespace in which the platform runs, unless it is told otherwise. */
export const PLATFORM_NAMESPACE = 'branchline-system'

/** Labels that Branchline writes (Kubernetes label syntax). */
export const LABELS = {
  /** On namespaces and pods: the name of the environment to which they belong. */
  environment: `${GROUP}/environment`,
  /** On pods: `true` where a sidecar is in place. */
  sidecar: `${GROUP}/sidecar`,
} as const

/** Annotations that Branchline reads or writes. */
export const ANNOTATIONS = {
  /** On a pod template: `disabled` keeps the sidecar out. */
  inject: `${GROUP}/inject`,
  /** On a pod template: the sidecar's listeners, see {@link formatInbound}. */
  inbound: `${GROUP}/inbound`,
  /** On a pod template and on a Service: what the injection changed, as JSON, so that it can be taken back. */
  injected: `${GROUP}/injected`,
  /** On an Environment: `keep` or `delete`, what becomes of it once its ttl has ended. */
  expiry: `${GROUP}/expiry`,
  /** On a pod template: its share of the requests that sidecars send to its Service, 0 to 100. Default: 1. */
  weight: `${GROUP}/weight`,
  /** On a pod template: what the embedded cluster runs where the image has its own entrypoint. */
  localCommand: `${GROUP}/local-command`,
  /** On a pod template: the folder in which the embedded cluster runs it. */
  localDir: `${GROUP}/local-dir`,
} as const

/** The container that routes, in every pod that takes part. */
export const SIDECAR_CONTAINER = 'branchline-sidecar'

/** The sidecar's admin listener: `/livez`, `/readyz`, `/metrics`. */
export const SIDECAR_ADMIN_PORT = 25000
/** On the admin listener: the preStop hook, with which the kubelet says that the pod is ending. */
export const LEAVE_PATH = '/leave'
/** The first of the sidecar's inbound ports; the next Service port gets the next number. */
export const SIDECAR_FIRST_INBOUND_PORT = 25001
/** The most Service ports that one pod's sidecar serves. */
export const SIDECAR_MAX_INBOUND_PORTS = 64

/** The name of the sidecar's container port for its nth listener (at most 15 characters). */
export const inboundPortName = (index: number): string => `branchline-${index}`

/** The manager's Service, and its port for sidecars (WebSocket) . */
export const MANAGER_SERVICE = 'branchline-manager'
export const MANAGER_ROUTES_PORT = 25080
export const MANAGER_ADMIN_PORT = 25081

/** The relay's Service, its port for visitors, for clusters' tunnels, and for health and metrics. */
export const RELAY_SERVICE = 'branchline-relay'
export const RELAY_HTTP_PORT = 8080
export const RELAY_TUNNEL_PORT = 25090
export const RELAY_ADMIN_PORT = 25091

/** The audience of the ServiceAccount tokens with which sidecars prove their pod to the manager. */
export const TOKEN_AUDIENCE = 'branchline-manager'

/** Paths of the manager's and the relay's WebSocket endpoints. */
export const ROUTES_PATH = '/routes'
export const TUNNEL_PATH = '/tunnel'

/** The entry of ours in `tracestate` and `baggage`. */
export const TRACE_VENDOR = 'branchline'

/**
 * Set by a sidecar on a request that it has routed to another environment's sidecar, which then serves it
 * where it arrived: two tables of different epochs can never send a request in circles. Removed before the
 * app sees it, and by the relay from what visitors send.
 */
export const ROUTED_HEADER = 'x-branchline-routed'
