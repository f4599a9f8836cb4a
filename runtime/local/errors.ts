/** The reasons for an error of the embedded cluster. The message names the object and the remedy. */
export type LocalErrorCode =
  | 'BL_LOCAL_PORT_TAKEN'
  | 'BL_LOCAL_NO_ADDRESS'
  | 'BL_LOCAL_NO_NAMESPACES'
  | 'BL_LOCAL_NO_COMMAND'
  | 'BL_LOCAL_NO_FOLDER'
  | 'BL_LOCAL_NO_VALUE'
  | 'BL_LOCAL_FOLDER'
  | 'BL_LOCAL_FILE'

/** An error of the embedded cluster. */
export class LocalError extends Error {
  readonly code: LocalErrorCode
  constructor(code: LocalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LocalError'
    this.code = code
  }
}
