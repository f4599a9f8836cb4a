/** Why the cluster's API did not do what was asked; `retryable` says whether the same call may work later. */
export class SourceError extends Error {
  readonly code = 'BL_SOURCE'
  readonly retryable: boolean

  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'SourceError'
    this.retryable = options.retryable
  }
}
