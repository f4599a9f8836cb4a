import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { ROUTES_SUBPROTOCOL, type RouteTable } from '@branchline/wire/routes/messages'
import { WebSocketServer } from 'ws'

/** Serves one table to one sidecar: `alice` and a given number of other branches, all with the same service. */
export async function startRoutes(options: {
  listener: number
  upstreamPort: number
  routes: number
}): Promise<{ port: number; acknowledged: Promise<void>; stop(): Promise<void> }> {
  const { listener, upstreamPort, routes } = options
  const target = {
    environment: 'alice',
    endpoints: [`127.0.0.1:${upstreamPort}`],
    onUnavailable: 'fail' as const,
  }
  const others = Array.from({ length: routes - 1 }, (_, index) => [`branch-${index}`, target] as const)
  const table: RouteTable = {
    epoch: 1,
    environment: 'baseline',
    listeners: {
      [listener]: { service: 'api', own: [], routes: { ...Object.fromEntries(others), alice: target } },
    },
    callers: {},
  }
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: () => ROUTES_SUBPROTOCOL,
  })
  await once(server, 'listening')
  const acknowledged = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => {
        if (data.toString().includes('"hello"')) socket.send(JSON.stringify({ type: 'snapshot', table }))
        else resolve()
      })
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    acknowledged,
    stop: async () => {
      for (const socket of server.clients) socket.terminate()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
