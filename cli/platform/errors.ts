/** What went wrong on the command line's side; the message says it, and what to do. */
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
