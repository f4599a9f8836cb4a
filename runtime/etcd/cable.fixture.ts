import { connect, createServer, type Socket } from 'node:net'
import { later } from '../testing/cleanups.ts'
import { listenOn } from '../testing/ports.ts'

/** The connections between a client and a server, which a test cuts, or holds silently. */
export class Cable {
  readonly url: string
  readonly #target: URL
  /** By socket: the one to which it passes on. */
  readonly #sockets = new Map<Socket, Socket>()
  #isCut = false

  private constructor(target: URL, port: number) {
    this.#target = target
    this.url = `${target.protocol}//127.0.0.1:${port}`
  }

  static async to(url: string): Promise<Cable> {
    const server = createServer((socket) => cable.#accept(socket))
    const cable = new Cable(new URL(url), await listenOn(server))
    later(async () => {
      cable.cut()
      await new Promise((resolve) => server.close(resolve))
    })
    return cable
  }

  /** Ends all connections, and further ones at once. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets.keys()) socket.destroy()
  }

  /** Passes nothing on over the present connections, as a network that drops packets, or a reader that is stuck. */
  hold(): void {
    for (const socket of this.#sockets.keys()) socket.unpipe().pause()
  }

  /** Passes on what was held. */
  release(): void {
    for (const [socket, other] of this.#sockets) socket.pipe(other)
  }

  mend(): void {
    this.#isCut = false
  }

  #accept(client: Socket): void {
    if (this.#isCut) {
      client.destroy()
      return
    }
    const server = connect(Number(this.#target.port), this.#target.hostname)
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.set(one, other)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
  }
}
