import { once } from 'node:events'
import * as net from 'node:net'

/** What an upstream does to a request. The path of the request names it: `/FAULT/ID/SIZE`. */
export const FAULTS = [
  'length',
  'chunked',
  'close',
  'drip',
  'early',
  'early-close',
  'surplus',
  'then-close',
  'drop',
  'reset',
  'half-close',
  'mid-head',
  'garbage',
  'mid-body',
  'mid-body-reset',
  'mid-chunk',
  'stall',
  'stall-head',
  'stall-body',
] as const
export type Fault = (typeof FAULTS)[number]

/** The body of the response to a request of this id and size. */
export const bodyOf = (id: number, size: number): Buffer => Buffer.alloc(size, `<${id}>`)

interface Requested {
  readonly fault: Fault
  readonly id: number
  readonly size: number
}

/** An upstream that serves, dies, stalls or sends wrong data, as the request says. */
export class FaultyUpstream {
  /** How often each id arrived. */
  readonly arrivals = new Map<number, number>()
  /** Open connections, and the number of requests on each. */
  readonly #sockets = new Map<net.Socket, number>()
  readonly #server: net.Server
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor() {
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#serve(socket))
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as net.AddressInfo).port
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const socket of this.#sockets.keys()) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#sockets.size
  }

  #serve(socket: net.Socket): void {
    this.#sockets.set(socket, 0)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('end', () => socket.end())
    let text = ''
    let bodyLeft = 0
    let request: Requested | undefined
    socket.on('data', (data) => {
      let rest = data.toString('latin1')
      while (rest !== '') {
        const body = Math.min(bodyLeft, rest.length)
        bodyLeft -= body
        rest = rest.slice(body)
        if (bodyLeft === 0 && request !== undefined) {
          const now = request
          request = undefined
          this.#respond(socket, now)
        }
        const end = (text += rest).indexOf('\r\n\r\n')
        if (end === -1) return
        rest = text.slice(end + 4)
        request = this.#read(text)
        this.#sockets.set(socket, (this.#sockets.get(socket) ?? 0) + 1)
        bodyLeft = Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)
        text = ''
        if (request.fault.startsWith('early') || bodyLeft === 0) {
          this.#respond(socket, request)
          request = undefined
        }
      }
    })
  }

  #read(head: string): Requested {
    const [, fault, id, size] = /^\w+ \/([\w-]+)\/(\d+)\/(\d+) /.exec(head) ?? []
    this.arrivals.set(Number(id), (this.arrivals.get(Number(id)) ?? 0) + 1)
    return { fault: fault as Fault, id: Number(id), size: Number(size) }
  }

  #later(waitMs: number, act: () => void): void {
    const timer = setTimeout(() => (this.#timers.delete(timer), act()), waitMs)
    this.#timers.add(timer)
  }

  #respond(socket: net.Socket, { fault, id, size }: Requested): void {
    const body = bodyOf(id, size)
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`
    const half = body.subarray(0, size >> 1)
    const chunk = (part: Buffer): Buffer =>
      Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')])
    const acts: Record<Fault, () => unknown> = {
      length: () => socket.write(Buffer.concat([Buffer.from(head), body])),
      early: () => socket.write(Buffer.concat([Buffer.from(head), body])),
      'early-close': () => {
        // Bytes that are unread by now turn the end into a reset.
        socket.pause()
        socket.end(
          Buffer.concat([Buffer.from(head.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n')), body]),
        )
        socket.once('finish', () => socket.destroy())
      },
      chunked: () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
        if (half.length > 0) socket.write(chunk(half))
        socket.write(chunk(body.subarray(half.length)))
        socket.write('0\r\n\r\n')
      },
      close: () => socket.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), body])),
      drip: () => {
        socket.write(head.slice(0, 9))
        this.#later(1, () => {
          socket.write(head.slice(9) + half.toString('latin1'), 'latin1')
          this.#later(2, () => socket.write(body.subarray(half.length)))
        })
      },
      surplus: () => {
        socket.write(Buffer.concat([Buffer.from(head), body, Buffer.from(head.replace('200', '418')), body]))
      },
      'then-close': () => {
        socket.write(Buffer.concat([Buffer.from(head), body]))
        const count = this.#sockets.get(socket)
        this.#later(id % 4, () => this.#sockets.get(socket) === count && socket.end())
      },
      drop: () => socket.destroy(),
      reset: () => socket.resetAndDestroy(),
      'half-close': () => socket.end(),
      'mid-head': () => socket.end(head.slice(0, 20)),
      garbage: () => socket.write('SSH-2.0-none\r\n\r\n'),
      'mid-body': () => socket.end(Buffer.concat([Buffer.from(head), half])),
      'mid-body-reset': () => {
        socket.write(Buffer.concat([Buffer.from(head), half]), () => socket.resetAndDestroy())
      },
      'mid-chunk': () => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
        socket.end(chunk(body).subarray(0, size >> 1))
      },
      stall: () => {},
      'stall-head': () => socket.write(head.slice(0, 20)),
      'stall-body': () => socket.write(Buffer.concat([Buffer.from(head), half])),
    }
    acts[fault]()
  }
}
