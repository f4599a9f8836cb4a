import { connect, type Socket } from 'node:net'

/** A response: its status, the app that its `x-app` names, and its body. */
export interface PipelinedResponse {
  readonly status: number
  readonly app: string
  readonly body: string
}

/** For the campaign: one persistent HTTP/1.1 connection with several pipelined requests. */
export class PipeliningClient {
  readonly #socket: Socket
  readonly #waiting: { resolve: (reply: PipelinedResponse) => void; reject: (error: Error) => void }[] = []
  #text = ''

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.#socket.on('data', (data) => this.#read(data.toString('latin1')))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** Sends requests in one write. Resolves to their responses in order. */
  send(requests: readonly string[]): Promise<PipelinedResponse[]> {
    const replies = requests.map(
      () => new Promise<PipelinedResponse>((resolve, reject) => this.#waiting.push({ resolve, reject })),
    )
    this.#socket.write(requests.join(''), 'latin1')
    return Promise.all(replies)
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#text += text
    for (;;) {
      const end = this.#text.indexOf('\r\n\r\n') + 4
      if (end === 3) return
      const head = this.#text.slice(0, end)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
      if (this.#text.length < end + length) return
      const body = this.#text.slice(end, end + length)
      this.#text = this.#text.slice(end + length)
      const app = /x-app: (\S+)/i.exec(head)?.[1] ?? 'nobody'
      this.#waiting.shift()?.resolve({ status: Number(head.slice(9, 12)), app, body })
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}
