import type { Socket } from 'node:net'
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import type { TlsFacts } from './connection.ts'

/**
 * Returns what a visitor gets who asks for this name by SNI (RFC 6066, 3), in lower case; without a name, the default
 * certificate, which Node offers only to clients that use ALPN. Undefined: there is none, and the handshake fails. The
 * default certificate must not be a promise, because there the handshake cannot wait.
 */
export type SecureContextFor = (
  servername: string | undefined,
) => SecureContext | undefined | Promise<SecureContext | undefined>

/** In the order of our preference. */
const PROTOCOLS = ['h2', 'http/1.1']

/** Receives the result of a handshake, once. */
export interface HandshakeListener {
  secured(socket: TLSSocket): void
  /** The connection ended before that. */
  failed(): void
}

/**
 * The TLS handshakes of a listener. OpenSSL seals the tickets of all names with the keys of this server, so sessions
 * are resumed after a certificate was replaced.
 */
export class Handshakes {
  readonly #server: Server
  readonly #open = new Map<string, (socket: TLSSocket) => void>()

  /** `handshakeMs`: how long a handshake may take, in milliseconds. */
  constructor(find: SecureContextFor, handshakeMs: number) {
    this.#server = createServer({
      handshakeTimeout: handshakeMs,
      SNICallback: (name, done) => void answerSni(find, name, done),
      ALPNCallback(this: TLSSocket, { servername, protocols }) {
        // Only here can a client that names no host get a certificate.
        const standard = servername ? undefined : find(undefined)
        if (standard !== undefined && !('then' in standard)) this.setKeyCert(standard)
        return PROTOCOLS.find((name) => protocols.includes(name))
      },
    })
    this.#server.on('secureConnection', (socket) => {
      const key = keyOf(socket)
      const secured = this.#open.get(key)
      this.#open.delete(key)
      if (secured === undefined) socket.destroy()
      else secured(socket)
    })
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy())
  }

  /** Starts the handshake of an accepted connection, which may have unread bytes. */
  begin(socket: Socket, listener: HandshakeListener): void {
    const key = keyOf(socket)
    let over = false
    const secured = (secure: TLSSocket): void => {
      over = true
      listener.secured(secure)
    }
    this.#open.set(key, secured)
    // Several connections that were reset at once have no addresses, and so the same key.
    socket.on('close', () => {
      if (this.#open.get(key) === secured) this.#open.delete(key)
      if (!over) listener.failed()
      over = true
    })
    this.#server.emit('connection', socket)
  }
}

/** Identifies a connection among all that are open. */
const keyOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`

async function answerSni(
  find: SecureContextFor,
  name: string,
  done: (error: Error | null, context?: SecureContext) => void,
): Promise<void> {
  let found: SecureContext | undefined
  try {
    const result = find(name.toLowerCase())
    found = result !== undefined && 'then' in result ? await result : result
  } catch (error) {
    return done(error as Error)
  }
  if (found === undefined) done(new Error(`no certificate for ${JSON.stringify(name.slice(0, 255))}`))
  else done(null, found)
}

/** How many hosts of one connection are remembered. */
const REMEMBERED = 64

/** Returns what a finished handshake says. */
export function factsOf(socket: TLSSocket): TlsFacts {
  // A client that names no host has accepted the default certificate for whatever it asks.
  if (typeof socket.servername !== 'string' || socket.servername === '') return { covers: () => true }
  const certificate = socket.getX509Certificate()
  const known = new Map<string, boolean>()
  return {
    covers(host) {
      const before = known.get(host)
      if (before !== undefined) return before
      const covered = certificate?.checkHost(host) !== undefined
      if (known.size < REMEMBERED) known.set(host, covered)
      return covered
    },
  }
}
