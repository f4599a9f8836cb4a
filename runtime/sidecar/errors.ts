/** A listener that could not be opened: says which, for what, and what to do. */
export class ListenError extends Error {
  readonly code = 'BL_SIDECAR_LISTEN'
  constructor(host: string, port: number, purpose: string, cause: unknown) {
    const taken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const remedy = taken ? 'is taken: another process of the pod listens there' : 'cannot be listened on'
    super(`port ${port} on ${host}, for ${purpose}, ${remedy}`, { cause })
    this.name = 'ListenError'
  }
}
