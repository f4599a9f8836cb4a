import type { ClientConnection } from './client-connection.ts'
import { pipe } from './pipe.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/**
 * Joins client and upstream once the answer 101 is written. `rest` is what the upstream sent behind it; what
 * the client sent before it was answered goes first.
 */
export function joinUpgraded(
  client: ClientConnection,
  upstream: UpstreamConnection,
  rest: Buffer | undefined,
  idleMs: number,
): void {
  upstream.user = undefined
  if (rest !== undefined) client.transport.write(rest, upstream.transport.stable)
  const held = client.handOver()
  if (held !== undefined) upstream.transport.write(held, true)
  pipe(client.transport, upstream.transport, { idleMs, onDone: () => client.left() })
  client.transport.resume()
  if (client.ended) upstream.transport.end()
}
