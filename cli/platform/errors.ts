/** Codes of errors of the command line. The message states the problem and the remedy. */
export type CliErrorCode = 'BL_UP_NOT_READY' | 'BL_PREVIEW_NOT_READY' | 'BL_PLATFORM_OPTIONS'

/** An error of the command line. */
export class CliError extends Error {
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string) {
    super(message)
    this.name = 'CliError'
    this.code = code
  }
}
