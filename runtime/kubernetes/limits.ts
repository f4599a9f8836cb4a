/** Every wait and every bound of the talk with the API server. */
export interface KubernetesLimits {
  /** How long a single request may take, its answer included. */
  readonly requestTimeoutMs: number
  /** How long one page of a list may take; large ones are slow on a busy API server. */
  readonly listTimeoutMs: number
  /** How many objects a page of a list holds. */
  readonly pageSize: number
  /** After how long the API server ends a watch by itself; each watch takes between half and all of it. */
  readonly watchTimeoutSeconds: number
  /** How long a watch may say nothing. The API server sends a bookmark about once a minute. */
  readonly watchIdleTimeoutMs: number
  /** A watch that lived this long was a good one: the next wait starts small again. */
  readonly watchHealthyMs: number
  /** How many watches may break in a row, without one event, before everything is listed anew. */
  readonly watchFaultsBeforeList: number
  /** The waits between two tries of a list or watch; no more is waited where the API server asks for it. */
  readonly retryFirstMs: number
  readonly retryMaxMs: number
  /** The most octets of one event; etcd keeps objects of 1.5 MiB at most. */
  readonly maxLineBytes: number
  /** The most octets of one answer. */
  readonly maxAnswerBytes: number
  /** The most connections for single requests; watches have their own. */
  readonly maxConnections: number
  /** How long credentials and certificates are used before they are read again. */
  readonly credentialsTtlMs: number
}

/** What holds unless a test says otherwise. */
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
  maxAnswerBytes: 64 * 1024 * 1024,
  maxConnections: 16,
  credentialsTtlMs: 10_000,
}
