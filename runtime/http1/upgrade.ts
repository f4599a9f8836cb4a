import type { ExchangeClient } from './exchange-client.ts'
import { stopping } from '../proxy/failures.ts'
import type { EngineParts } from './parts.ts'
import { pipe } from '../transport/pipe.ts'
import type { UpstreamConnection } from './upstream-connection.ts'
import { WebSocketDirection } from './websocket/websocket.ts'

/**
 * Joins client and upstream after the 101 is written. `rest` is what the upstream sent after the 101. What the client
 * sent before the 101 goes first.
 */
export function joinUpgraded(
  client: ExchangeClient,
  upstream: UpstreamConnection,
  rest: Buffer | undefined,
  protocol: string,
  parts: EngineParts,
): void {
  const { pipeIdleMs: idleMs, lingerMs } = parts.limits
  upstream.user = undefined
  if (rest !== undefined) client.transport.write(rest, upstream.transport.stable)
  const held = client.handOver()
  if (held !== undefined) upstream.transport.write(held, true)
  let late: NodeJS.Timeout | undefined
  const joined = pipe(client.transport, upstream.transport, {
    idleMs,
    onDone: () => {
      clearTimeout(late)
      parts.upgraded.delete(client)
      client.left()
    },
  })
  let leave = (): void => joined.retire(lingerMs, stopping())
  if (protocol.toLowerCase() === 'websocket') {
    const up = new WebSocketDirection(true, client.transport.receiver, upstream.transport)
    const down = new WebSocketDirection(false, upstream.transport.receiver, client.transport)
    if (held !== undefined) up.frames.follow(held)
    if (rest !== undefined) down.frames.follow(rest)
    client.transport.receiver = up
    upstream.transport.receiver = down
    // An end tells a client to send no more, so it comes when no frame is in transit.
    const onLeft = (): void => {
      if (!up.left || !down.left) return
      client.transport.end()
      upstream.transport.end()
    }
    leave = () => {
      up.leave(onLeft)
      down.leave(onLeft)
      late = setTimeout(() => joined.destroy(up.left && down.left ? undefined : stopping()), lingerMs)
    }
  }
  parts.upgraded.set(client, { leave })
  client.transport.resume()
  if (client.ended) upstream.transport.end()
}
