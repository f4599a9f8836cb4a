/** A certificate could not be ordered. The relay tries again. */
export class AcmeError extends Error {
  readonly code = 'BL_ACME'
  /** How long the authority asked to wait, in milliseconds. 0: it did not. */
  readonly askedMs: number
  constructor(message: string, options: ErrorOptions & { readonly askedMs?: number } = {}) {
    super(message, options)
    this.name = 'AcmeError'
    this.askedMs = options.askedMs ?? 0
  }
}
