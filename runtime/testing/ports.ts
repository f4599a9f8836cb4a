import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** A port of this machine at which no process listens, nor ever will: tcpmux (RFC 1078). */
export const DEAD_PORT = 1

/** Has a server listen at an address of this machine, and gives the port. Rejects where that is taken. */
export async function listenOn(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
  await once(server.listen(port, host), 'listening')
  return (server.address() as AddressInfo).port
}

/**
 * One port of this machine at which no process listens. It stays free until this process listens there: the system
 * gives ports of this range to no other socket, and other tests see the port above it, which this process keeps open.
 */
export const freePort = (): Promise<number> => freePortAt(['127.0.0.1'])

/** As many different ports as {@link freePort} gives one by one. */
export const freePorts = (count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, freePort))

/** A port like that of {@link freePort}, at each of these addresses. */
export async function freePortAt(hosts: readonly string[]): Promise<number> {
  for (;;) {
    const port = RESERVED_FROM + 2 * randomInt(RESERVED_PAIRS)
    // The reservation comes first, so that no other test tries this port while its owner listens there.
    const reservation = createServer().unref()
    if ((await listens(reservation, port + 1, '127.0.0.1')) && (await isFree(port, hosts))) return port
    reservation.close()
  }
}

// Below the ranges that Linux (32768) and macOS (49152) use for port 0 and for clients, and below the sidecar's 25001.
const RESERVED_FROM = 10_000
const RESERVED_PAIRS = 7_000

async function isFree(port: number, hosts: readonly string[]): Promise<boolean> {
  for (const host of hosts) {
    const server = createServer()
    if (!(await listens(server, port, host))) return false
    await new Promise((resolve) => server.close(resolve))
  }
  return true
}

async function listens(server: Server, port: number, host: string): Promise<boolean> {
  try {
    await listenOn(server, port, host)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
}
