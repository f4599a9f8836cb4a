/** A failed call of the Kubernetes API. `retryable` says whether the same call may succeed later. */
export class KubernetesError extends Error {
  readonly code = 'BL_KUBERNETES'
  readonly retryable: boolean

  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'KubernetesError'
    this.retryable = options.retryable
  }
}
