import { connect, type Socket } from 'node:net'

/** A port at an address, or at a name that the dialler can resolve. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Connects within a time, optionally from an address. Rejects with the reason. */
export type Dial = (endpoint: Endpoint, timeoutMs: number, localAddress?: string) => Promise<Socket>

/** Connects by TCP. */
export const dialTcp: Dial = ({ host, port }, timeoutMs, localAddress) => {
  const from = localAddress !== undefined && { localAddress }
  return connected(
    connect({ host, port, ...from, allowHalfOpen: true, noDelay: true }),
    host,
    port,
    timeoutMs,
  )
}

/** Resolves with a socket once it is connected. Rejects with the reason, also after a time. */
export const connected = (socket: Socket, host: string, port: number, timeoutMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    const late = (): void => failed(new Error(`${host}:${port} did not respond within ${timeoutMs} ms`))
    socket.setTimeout(timeoutMs, late)
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.setTimeout(0, late)
      socket.off('error', failed)
      // The user of the socket may add its handler a turn later.
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
