/** The authority for development cannot be used. The message names the file and the remedy. */
export class AuthorityError extends Error {
  readonly code = 'BL_AUTHORITY'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AuthorityError'
  }
}
