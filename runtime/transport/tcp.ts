import * as net from 'node:net'
import type { Upstream, Transport } from './transport.ts'
import { COPY_BYTES } from './read-buffer.ts'
import { moveHandle } from './node-private.ts'
import { type Dial, type ReadMode, SocketTransport } from './socket-transport.ts'

/** Where to listen. Port 0 lets the system choose. */
export interface ListenOptions {
  readonly host?: string
  readonly port: number
  /** Whether `::` means IPv6 alone, so that another listener can have `0.0.0.0` at this port. Default: false. */
  readonly ipv6Only?: boolean
  /** How to read accepted sockets. Default: `onread` if this Node supports it. */
  readonly mode?: ReadMode
}

/** An open listener. */
export interface Listener {
  readonly port: number
  readonly host: string
  readonly mode: ReadMode
  /** Accepts no more connections. Accepted ones continue. */
  stop(): void
}

// Above this, a write makes Node emit `drain` later. The pins of a SocketTransport wait for that event.
const STREAM = { writableHighWaterMark: COPY_BYTES, allowHalfOpen: true } as const

/**
 * Accepts TCP connections and passes each on as an open transport, whose receiver must be set at once. Rejects with the
 * system's error (EADDRINUSE, EACCES) if it cannot listen.
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
    const { host = '127.0.0.1', port, ipv6Only = false } = options
    server.listen({ host, port, ipv6Only, backlog: 1024 }, () => {
      server.off('error', reject)
      // After a failed accept (EMFILE), the system reports the failure again with the next connection.
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

/** Returns an open socket of Node as a transport, such as a TLS socket. It writes through the socket's own queue. */
export function socketTransport(socket: net.Socket): Transport {
  return new SocketTransport().attach(socket, 'data', true)
}

/** Returns a transport that connects to a host and port. `lookup` resolves a host name. Default: the system. */
export function dialTcp(host: string, port: number, lookup?: net.LookupFunction): Transport {
  const transport = new SocketTransport()
  const address = lookup === undefined ? { host, port } : { host, port, lookup }
  return transport.attach(connectTo(address, transport), 'onread', false)
}

/** Returns a transport that connects to a Unix socket. */
function dialUnix(path: string): Transport {
  const transport = new SocketTransport()
  return transport.attach(connectTo({ path }, transport), 'onread', false)
}

/** Receives the result of {@link dialFirst}, before the transport's receiver does. */
export interface DialListener {
  /** This host accepted the connection. */
  reached(host: string): void
  /** No host accepted it. */
  unreachable(): void
}

/**
 * Returns a transport that connects to the first of these hosts (at least one) that accepts the connection. It tries
 * each host once, in order, after the previous one has failed. If all fail, the error of `onClose` names each failure.
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
    return connectTo({ host: this.#hosts[this.#at] as string, port: this.#port }, this.#transport)
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

const connectTo = (
  address:
    | { readonly host: string; readonly port: number; readonly lookup?: net.LookupFunction }
    | { readonly path: string },
  { onread }: SocketTransport,
): net.Socket =>
  net.connect({
    ...address,
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

/** The upstream at a Unix socket. */
export const unixUpstream = (path: string): Upstream => ({ key: `unix:${path}`, dial: () => dialUnix(path) })

/**
 * Moves the handle of an accepted socket into a socket of our own. Only that lets an accepted connection read into a
 * given buffer, because Node offers `onread` to `net.connect` alone. Returns undefined if this Node has no such handle;
 * data events are used then.
 */
function adopt(accepted: net.Socket): Transport | undefined {
  const transport = new SocketTransport()
  const options = { onread: transport.onread, readable: true, writable: true, ...STREAM }
  const socket = moveHandle(accepted, options)
  return socket === undefined ? undefined : transport.attach(socket, 'onread', true)
}

function fallback(accepted: net.Socket): Transport {
  const transport = new SocketTransport().attach(accepted, 'data', true)
  accepted.resume()
  return transport
}
