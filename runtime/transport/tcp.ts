import * as net from 'node:net'
import type { Upstream, Transport } from './transport.ts'
import { COPY_BYTES } from './read-buffer.ts'
import { takeHandle } from './socket-handle.ts'
import { type Dial, type ReadMode, SocketTransport } from './socket-transport.ts'

/** Where to listen; port 0 lets the system choose. */
export interface ListenOptions {
  readonly host?: string
  readonly port: number
  /** How accepted sockets are read. Default: `onread`, where this Node allows it. */
  readonly mode?: ReadMode
}

/** An open listener. */
export interface Listener {
  readonly port: number
  readonly host: string
  readonly mode: ReadMode
  /** Accepts no more; what was accepted goes on. */
  stop(): void
}

// Above this a write makes Node say `drain` later, which the pins of a SocketTransport wait for.
const STREAM = { writableHighWaterMark: COPY_BYTES, allowHalfOpen: true } as const

/**
 * Accepts TCP connections, each handed over as an open transport, whose receiver must be set at once.
 * Rejects with the system's error (EADDRINUSE, EACCES) where it cannot listen.
 */
export function listen(options: ListenOptions, accept: (transport: Transport) => void): Promise<Listener> {
  let mode: ReadMode = options.mode ?? 'onread'
  const server = net.createServer(
    { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true },
    (socket) => {
      const transport = mode === 'onread' ? adopt(socket) : undefined
      if (transport === undefined) mode = 'data'
      accept(transport ?? fallback(socket))
    },
  )
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host ?? '127.0.0.1', port: options.port, backlog: 1024 }, () => {
      server.off('error', reject)
      // An accept that fails (EMFILE) is the system's to say again with the next connection.
      server.on('error', () => {})
      const { port, address } = server.address() as net.AddressInfo
      resolve({
        port,
        host: address,
        get mode() {
          return mode
        },
        stop: () => server.close(),
      })
    })
  })
}

/** A transport that connects to a host and port. */
export function dialTcp(host: string, port: number): Transport {
  const transport = new SocketTransport()
  return transport.attach(connectTo(host, port, transport), 'onread', false)
}

/** What a {@link dialFirst} has found. Both are called before the transport's receiver hears of it. */
export interface DialListener {
  /** This host took the connection. */
  reached(host: string): void
  /** No host took it. */
  unreachable(): void
}

/**
 * A transport that connects to the first of these hosts, at least one, that takes the connection. Each is tried once,
 * in their order, after the one before has refused. If none takes it, the error of `onClose` names what each said.
 */
export function dialFirst(hosts: readonly string[], port: number, listener: DialListener): Transport {
  const transport = new SocketTransport()
  const dial = new HostDial(hosts, port, listener, transport)
  return transport.attach(dial.connect(), 'onread', false, dial)
}

class HostDial implements Dial {
  readonly #hosts: readonly string[]
  readonly #port: number
  readonly #listener: DialListener
  readonly #transport: SocketTransport
  #at = 0
  #errors: Error[] | undefined = undefined

  constructor(hosts: readonly string[], port: number, listener: DialListener, transport: SocketTransport) {
    this.#hosts = hosts
    this.#port = port
    this.#listener = listener
    this.#transport = transport
  }

  connect(): net.Socket {
    return connectTo(this.#hosts[this.#at] as string, this.#port, this.#transport)
  }

  reached(): void {
    this.#listener.reached(this.#hosts[this.#at] as string)
  }

  next(error: Error): net.Socket | Error {
    const errors = (this.#errors ??= [])
    errors.push(error)
    if (++this.#at < this.#hosts.length) return this.connect()
    this.#listener.unreachable()
    return new AggregateError(errors, errors.map(({ message }) => message).join(', '))
  }
}

const connectTo = (host: string, port: number, { onread }: SocketTransport): net.Socket =>
  net.connect({
    host,
    port,
    noDelay: true,
    keepAlive: true,
    onread: onread as unknown as net.OnReadOpts,
    ...STREAM,
  })

/** The upstream at a host and port. */
export const tcpUpstream = (host: string, port: number): Upstream => ({
  key: net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`,
  dial: () => dialTcp(host, port),
})

/**
 * An accepted socket's handle in a socket of our own, the only way to have an accepted connection read into
 * a given buffer: Node offers `onread` to `net.connect` alone. `_handle` is private, though unchanged since
 * 2011; undefined where it is gone, and then data events do.
 */
function adopt(accepted: net.Socket): Transport | undefined {
  const handle = takeHandle(accepted)
  if (handle === undefined) return undefined
  const transport = new SocketTransport()
  const options = { handle, onread: transport.onread, readable: true, writable: true, ...STREAM }
  return transport.attach(new net.Socket(options as unknown as net.SocketConstructorOpts), 'onread', true)
}

function fallback(accepted: net.Socket): Transport {
  const transport = new SocketTransport().attach(accepted, 'data', true)
  accepted.resume()
  return transport
}
