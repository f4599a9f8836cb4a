import { createServer, type Server, type Socket } from 'node:net'
import type { DeployedCircuit } from '@branchline/wire/circuits/table'
import { HttpEngine } from '../../../http1/index.ts'
import { later } from '../../../testing/cleanups.ts'
import { listenOn } from '../../../testing/ports.ts'
import { listen } from '../../../transport/tcp.ts'
import type { Upstream } from '../../../transport/transport.ts'
import type { TestTable } from '../access/fixture.ts'
import { DEFAULT_TCP_LIMITS, joinTcp } from '../backends/tcp.ts'
import { TableIndex } from '../table-index.ts'
import { Forward, type ForwardOptions } from './forward.ts'

/** A worker that serves circuits to `branchline circuit forward` on a port of loopback. */
export interface ForwardWorker {
  readonly port: number
  readonly forward: Forward
  /** Stops accepting, and cuts all connections. */
  stop(): Promise<void>
}

/** The targets of a connection, or a sentence that says why there are none. */
export type Open = () => { readonly upstreams: readonly Upstream[]; readonly over?: () => void } | string

export async function forwardWorker(
  table: TestTable,
  circuits: ReadonlyMap<string, DeployedCircuit>,
  open: Open,
  { port = 0, limits }: { port?: number; limits?: ForwardOptions['limits'] } = {},
): Promise<ForwardWorker> {
  const access = table.access()
  const keys = new TableIndex(
    () => circuits,
    ({ key }) => key,
  )
  const forward = new Forward({
    access,
    circuit: (key) => keys.find(key),
    join: (_circuit, connection, _client, reached) => {
      const opened = open()
      if (typeof opened === 'string') return opened
      const over = opened.over ?? (() => {})
      joinTcp(connection, opened.upstreams, DEFAULT_TCP_LIMITS, { reached, refused: () => {}, over })
      return undefined
    },
    ...(limits !== undefined && { limits }),
  })
  const engine = new HttpEngine({
    route: (head, { remoteAddress }) =>
      forward.route(head, () => ({ address: remoteAddress, secure: false })) ?? { status: 404 },
    limits: { drainMs: 100, lingerMs: 100 },
  })
  const listener = await listen({ port }, (transport) => engine.serve(transport))
  const stop = async (): Promise<void> => {
    listener.stop()
    forward.stop()
    await engine.stop()
  }
  later(stop)
  return { port: listener.port, forward, stop }
}

/** A TCP server on a free port of loopback that gives each connection to a function. */
export async function tcpServer(serve: (socket: Socket) => void): Promise<{ port: number; server: Server }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    later(() => socket.destroy())
    socket.on('error', () => {})
    serve(socket)
  })
  later(() => server.close())
  return { port: await listenOn(server), server }
}
