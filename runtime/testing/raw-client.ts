import * as net from 'node:net'
import { later } from './cleanups.ts'
import { until } from './until.ts'

/** A TCP client that sends what a test tells it to, and collects what it gets as Latin-1. */
export class RawClient {
  text = ''
  /** Whether the server has ended its direction, or the connection is over. */
  closed = false
  error: NodeJS.ErrnoException | undefined = undefined
  readonly socket: net.Socket

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.socket.on('data', (data) => {
      this.text += data.toString('latin1')
    })
    this.socket.on('error', (error) => {
      this.error = error
    })
    this.socket.on('end', () => {
      this.closed = true
      this.socket.end()
    })
    this.socket.on('close', () => {
      this.closed = true
    })
    later(() => this.socket.destroy())
  }

  send(text: string): this {
    this.socket.write(text, 'latin1')
    return this
  }

  /** Resolves with all that came, once it matches. */
  until(wanted: (text: string) => boolean): Promise<string> {
    return until(
      () => (wanted(this.text) ? this.text : undefined),
      () => JSON.stringify(this.text.slice(0, 2000)),
    )
  }

  /** Resolves with all that came, once the server has closed. */
  ended(): Promise<string> {
    return until(
      () => (this.closed ? this.text : undefined),
      () => JSON.stringify(this.text.slice(0, 2000)),
    )
  }
}
