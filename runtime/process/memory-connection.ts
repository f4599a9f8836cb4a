import type { Server } from 'node:http'
import { type Duplex, duplexPair } from 'node:stream'

/**
 * Connects to an HTTP server of this process without a socket. The server serves the connection like any other. Ends
 * that are `net.Socket`s have some methods that are expected of every connection: here they do nothing.
 */
export function connectInMemory(server: Server): Duplex {
  const [ours, theirs] = duplexPair()
  server.emit('connection', likeSocket(theirs))
  return likeSocket(ours)
}

function likeSocket(duplex: Duplex): Duplex {
  const ignore = (): Duplex => duplex
  return Object.assign(duplex, {
    setTimeout: ignore,
    setNoDelay: ignore,
    setKeepAlive: ignore,
    ref: ignore,
    unref: ignore,
    destroySoon: () => duplex.end(() => duplex.destroy()),
  })
}
