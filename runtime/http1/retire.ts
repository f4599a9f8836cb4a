import type { UpstreamConnection, UpstreamUser } from './upstream-connection.ts'

/** Ends an upstream connection once all pending bytes are sent. The peer has this long to read them. */
export function retire(connection: UpstreamConnection, withinMs: number): void {
  connection.user = new Retired(connection, withinMs)
  connection.transport.end()
  connection.transport.resume()
}

class Retired implements UpstreamUser {
  readonly #timer: NodeJS.Timeout

  constructor(connection: UpstreamConnection, withinMs: number) {
    this.#timer = setTimeout(() => connection.destroy(), withinMs).unref()
  }

  upstreamOpened(): void {}
  upstreamData(): void {}
  upstreamDrained(): void {}

  upstreamOver(_error: Error | undefined, closed: boolean): void {
    if (closed) clearTimeout(this.#timer)
  }
}
