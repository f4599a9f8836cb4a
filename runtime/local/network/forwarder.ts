import { createServer, type Server, type Socket } from 'node:net'
import { LocalError } from '../errors.ts'
import { dialTcp, type Dial, type Endpoint } from './dial.ts'
import { splice } from './splice.ts'
import { listenerAt } from './listener-at.ts'

/** How long an endpoint may take to accept, in milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000
/** The maximum connections of one Service port. */
const MAX_CONNECTIONS = 20_000
/** The lowest port on which every user may listen. */
const FIRST_FREE_PORT = 1024

export interface ForwarderOptions {
  readonly host: string
  readonly port: number
  /** The user of the port, for messages: `Service shop/web`. */
  readonly owner: string
  /** The current endpoints. */
  readonly endpoints: () => readonly Endpoint[]
  /**
   * The source address of connections to endpoints, which identifies their origin, for a client at an address. Default:
   * the system's choice.
   */
  readonly source?: (client: string | undefined) => string | undefined
  /** How to connect to endpoints. Default: by TCP. */
  readonly dial?: Dial
  /** What to do if the port is not available: words that follow a colon. Without it, a port that needs a privilege moves. */
  readonly remedy?: string
}

/** A port that is forwarded until it is closed. */
export interface Forwarding {
  /** The port on which it listens. It differs from the requested one if that needs a privilege. */
  readonly port: number
  /** Stops listening and closes all connections. */
  close(): void
}

/**
 * Stands for a Service port. It forwards each connection unchanged, in both directions and with half-close, to one of
 * the endpoints in turn. If an endpoint does not accept, it tries the next one. Without one it resets the connection.
 */
export class Forwarder implements Forwarding {
  readonly port: number
  readonly #options: ForwarderOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #turn = 0

  /** Listens. If the port is in use, rejects with a {@link LocalError} that names the owner. */
  static async open(options: ForwarderOptions): Promise<Forwarder> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    server.maxConnections = MAX_CONNECTIONS
    try {
      await listen(server, options.host, options.port)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const mayMove = code === 'EACCES' && options.port < FIRST_FREE_PORT && options.remedy === undefined
      if (mayMove) await listen(server, options.host, 0)
      else throw taken(options, error)
    }
    return new Forwarder(options, server)
  }

  private constructor(options: ForwarderOptions, server: Server) {
    this.#options = options
    this.#server = server
    this.port = (server.address() as { port: number }).port
    server.on('connection', (client) => void this.#carry(client))
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  async #carry(client: Socket): Promise<void> {
    this.#keep(client)
    const upstream = await this.#dial(client.remoteAddress)
    if (upstream === undefined || client.destroyed) {
      upstream?.destroy()
      client.resetAndDestroy()
      return
    }
    this.#keep(upstream)
    splice(client, upstream)
    client.resume()
  }

  async #dial(client: string | undefined): Promise<Socket | undefined> {
    const { dial = dialTcp, source } = this.#options
    const endpoints = this.#options.endpoints()
    const from = source?.(client)
    const first = this.#turn++
    for (let index = 0; index < endpoints.length; index++) {
      const endpoint = endpoints[(first + index) % endpoints.length] as Endpoint
      try {
        return await dial(endpoint, CONNECT_TIMEOUT_MS, from)
      } catch {
        // The next one may accept.
      }
    }
    return undefined
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    // The splice handles the effect of an error on the other side. Here it must only not end the process.
    socket.on('error', () => undefined)
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function taken({ host, port, owner, remedy }: ForwarderOptions, cause: unknown): LocalError {
  const why = whyNot(host, port, (cause as NodeJS.ErrnoException).code)
  const message = `port ${port} of ${host}, which ${owner} needs, ${why}${remedy === undefined ? '' : `: ${remedy}`}`
  return new LocalError('BL_LOCAL_PORT_TAKEN', message, { cause })
}

function whyNot(host: string, port: number, code: string | undefined): string {
  if (code === 'EADDRINUSE') return `is in use by ${listenerAt(host, port) ?? 'another process'}`
  if (code === 'EACCES' && port < FIRST_FREE_PORT) return 'needs a right that you do not have'
  return `cannot be opened (${code})`
}
