import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import { WebSocket } from 'ws'
import { type Visit, visit } from '../visit.ts'

export interface VisitorOptions {
  /** The address of the worker. */
  readonly worker: string
  readonly path?: string
  readonly headers?: http.OutgoingHttpHeaders
  readonly agent?: http.Agent
}

/** Visitors of `<label>.localhost`, of any worker: all of them listen on the same port. */
export class Visitors {
  readonly port: number

  constructor(port: number) {
    this.port = port
  }

  get(label: string, { worker, headers = {}, ...options }: VisitorOptions): Promise<Visit> {
    const host = `${label}.localhost:${this.port}`
    return visit(`http://${worker}:${this.port}/`, { headers: { host, ...headers }, ...options })
  }

  /** The bodies of requests one after another, counted. */
  async count(label: string, worker: string, requests: number): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (let request = 0; request < requests; request++) {
      const { body } = await this.get(label, { worker })
      counts[body] = (counts[body] ?? 0) + 1
    }
    return counts
  }

  async webSocket(label: string, worker: string): Promise<WebSocket> {
    const host = `${label}.localhost:${this.port}`
    const socket = new WebSocket(`ws://${worker}:${this.port}/`, { headers: { host } })
    await once(socket, 'open')
    return socket
  }
}

/** Sends a message and resolves with the answer. */
export async function echo(socket: WebSocket, text: string): Promise<string> {
  const answer = once(socket, 'message') as Promise<[Buffer]>
  socket.send(text)
  return (await answer)[0].toString()
}

/** A raw TCP connection that remembers what it gets. */
export class TcpClient {
  readonly socket: net.Socket
  text = ''
  #wake: () => void = () => undefined

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString()
      this.#wake()
    })
    socket.on('error', () => undefined)
    socket.once('close', () => this.#wake())
  }

  /** Rejects if the port is closed. */
  static async connect(host: string, port: number): Promise<TcpClient> {
    const socket = net.connect({ host, port, allowHalfOpen: true })
    await once(socket, 'connect')
    return new TcpClient(socket)
  }

  /** Resolves once the text ends so. Rejects if the connection ends before. */
  async until(end: string): Promise<void> {
    while (!this.text.endsWith(end)) {
      if (this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.text)}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async echo(text: string): Promise<void> {
    this.socket.write(text)
    await this.until(text)
  }
}
