/** Every timeout and size limit of requests to the API server. */
export interface KubernetesLimits {
  /** How long a single request may take, including its response. */
  readonly requestTimeoutMs: number
  /** How long one page of a list may take. Large pages are slow on a busy API server. */
  readonly listTimeoutMs: number
  /** How many objects a page of a list holds. */
  readonly pageSize: number
  /** After how long the API server ends a watch. Each watch asks for a random time between half and all of it. */
  readonly watchTimeoutSeconds: number
  /** How long a watch may be silent. The API server sends a bookmark about once a minute. */
  readonly watchIdleTimeoutMs: number
  /** A watch that lasted this long was healthy, so the next backoff starts small again. */
  readonly watchHealthyMs: number
  /** How many watches in a row may break without an event before the collection is listed again. */
  readonly watchFaultsBeforeList: number
  /** The waits between two attempts to list or watch. A Retry-After of the API server is capped at the maximum. */
  readonly retryFirstMs: number
  readonly retryMaxMs: number
  /** The maximum bytes of one event. etcd stores objects of 1.5 MiB at most. */
  readonly maxLineBytes: number
  /** The maximum bytes of one response. */
  readonly maxResponseBytes: number
  /** The maximum connections for single requests. Watches have their own. */
  readonly maxConnections: number
  /** How long credentials and certificates are used before they are read again. */
  readonly credentialsTtlMs: number
}

/** The limits in production. Tests may set others. */
export const DEFAULT_KUBERNETES_LIMITS: KubernetesLimits = {
  requestTimeoutMs: 10_000,
  listTimeoutMs: 60_000,
  pageSize: 500,
  watchTimeoutSeconds: 600,
  watchIdleTimeoutMs: 150_000,
  watchHealthyMs: 5_000,
  watchFaultsBeforeList: 3,
  retryFirstMs: 200,
  retryMaxMs: 2_000,
  maxLineBytes: 16 * 1024 * 1024,
  maxResponseBytes: 64 * 1024 * 1024,
  maxConnections: 16,
  credentialsTtlMs: 10_000,
}
