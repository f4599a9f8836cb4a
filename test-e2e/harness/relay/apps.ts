import { once } from 'node:events'
import http, { type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

/** A server to which circuits lead, in the process of the test. */
export interface App {
  /** `host:port`, for a target of a circuit. */
  readonly address: string
  /** Ends all connections at once, and closes the port. */
  stop(): Promise<void>
}

const HOST = '127.0.0.1'

/**
 * A web app that answers every request with its name. `/hold` is answered when the test releases it. WebSockets get
 * their messages back.
 */
export class WebApp implements App {
  readonly name: string
  readonly #server = http.createServer((request, response) => this.#answer(request.url ?? '', response))
  readonly #sockets = new WebSocketServer({ noServer: true })
  readonly #held = new Set<ServerResponse>()
  #port = 0

  private constructor(name: string) {
    this.name = name
    this.#server.on('upgrade', (request, socket, head) => {
      this.#sockets.handleUpgrade(request, socket, head, (client) => {
        client.on('message', (data, binary) => client.send(data, { binary }))
      })
    })
  }

  static async start(name: string): Promise<WebApp> {
    const app = new WebApp(name)
    await app.start()
    return app
  }

  get address(): string {
    return `${HOST}:${this.#port}`
  }

  /** The number of requests that wait. */
  get held(): number {
    return this.#held.size
  }

  /** Listens again, at the same port. */
  async start(): Promise<void> {
    await once(this.#server.listen(this.#port, HOST), 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  release(): void {
    for (const response of this.#held) response.end(this.name)
    this.#held.clear()
  }

  async stop(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(url: string, response: ServerResponse): void {
    response.setHeader('content-type', 'text/plain')
    if (url === '/hold') this.#held.add(response)
    else response.end(this.name)
  }
}

/** A TCP server that greets with its name, then sends back what it gets, and ends when its client does. */
export async function startTcpApp(name: string): Promise<App> {
  const open = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    socket.on('error', () => undefined)
    socket.write(`${name}\n`)
    socket.pipe(socket)
  })
  await once(server.listen(0, HOST), 'listening')
  return {
    address: `${HOST}:${(server.address() as AddressInfo).port}`,
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
