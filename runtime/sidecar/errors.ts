/** A listener could not be opened. The message names its port, its purpose and the remedy. */
export class ListenError extends Error {
  readonly code = 'BL_SIDECAR_LISTEN'
  constructor(host: string, port: number, purpose: string, cause: unknown) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const remedy = taken ? 'is in use: another process of the pod listens there' : 'cannot be opened'
    super(`port ${port} on ${host}, for ${purpose}, ${remedy}`, { cause })
    this.name = 'ListenError'
  }
}
