/** Codes of errors of the command line. The message states the problem and the remedy. */
export type CliErrorCode =
  | 'BL_UP_NOT_READY'
  | 'BL_PREVIEW_NOT_READY'
  | 'BL_PLATFORM_OPTIONS'
  | 'BL_TARGET'
  | 'BL_NOT_FOUND'
  | 'BL_RELAY_REFUSED'
  | 'BL_RELAY_START'
  | 'BL_USAGE'

/** An error of the command line. */
export class CliError extends Error {
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliError'
    this.code = code
  }
}
