import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** A port of this machine at which no process listens, nor ever will: tcpmux (RFC 1078). */
export const DEAD_PORT = 1

/** Has a server listen at an address of this machine, and gives the port. Rejects where that is taken. */
export async function listenOn(server: Server, port = 0, host = '127.0.0.1'): Promise<number> {
  await once(server.listen(port, host), 'listening')
  return (server.address() as AddressInfo).port
}

/** Ports of this machine that are free at the moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(servers.map((server) => listenOn(server)))
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** One port of this machine that is free at the moment. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port as number
}

/** A port that is free at the moment at each of these addresses. */
export async function freePortAt(hosts: readonly string[]): Promise<number> {
  const [first, ...others] = hosts
  for (;;) {
    const held = [createServer()]
    try {
      const port = await listenOn(held[0] as Server, 0, first)
      for (const host of others) {
        const server = createServer()
        await listenOn(server, port, host)
        held.push(server)
      }
      return port
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    } finally {
      await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))))
    }
  }
}
