import type { Duplex } from 'node:stream'
import { Socket } from 'node:net'

/** Forwards everything between two connections, in both directions and with half-close. An error of one resets the other. */
export function splice(one: Duplex, two: Duplex): void {
  one.pipe(two)
  two.pipe(one)
  const ends: [Duplex, Duplex][] = [
    [one, two],
    [two, one],
  ]
  for (const [socket, other] of ends) {
    socket.on('error', () => undefined)
    socket.once('close', (failed: boolean) => {
      if (failed) reset(other)
      else if (!other.destroyed && other.writableEnded) other.destroy()
    })
  }
}

/** Ends a connection so that its peer notices the cut. Only TCP can: other connections are closed. */
function reset(socket: Duplex): void {
  if (socket instanceof Socket && socket.remotePort !== undefined) socket.resetAndDestroy()
  else socket.destroy()
}
