import { WebSocket } from 'ws'

/** How soon a peer that is gone is noticed. */
export interface KeepaliveLimits {
  /** Between two pings. */
  readonly pingMs: number
  /** From a ping to anything at all from the peer. */
  readonly pongMs: number
}

/** Pings the peer of an open WebSocket, whichever side dialled, and tells once when it does not answer. */
export class Keepalive {
  readonly #socket: WebSocket
  readonly #limits: KeepaliveLimits
  readonly #onSilent: () => void
  readonly #pings: NodeJS.Timeout
  #pong: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, limits: KeepaliveLimits, onSilent: () => void) {
    this.#socket = socket
    this.#limits = limits
    this.#onSilent = onSilent
    this.#pings = setInterval(() => this.#ping(), limits.pingMs)
    socket.on('ping', () => this.heard())
    socket.on('pong', () => this.heard())
    socket.once('close', () => this.#stop())
  }

  /** Call this for every message of the peer: it is there, even if it does not get round to its pong. */
  heard(): void {
    if (this.#pong === undefined) return
    clearTimeout(this.#pong)
    this.#pong = undefined
  }

  #ping(): void {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#pong !== undefined) return
    this.#socket.ping()
    this.#pong = setTimeout(() => {
      this.#stop()
      this.#onSilent()
    }, this.#limits.pongMs)
  }

  #stop(): void {
    clearInterval(this.#pings)
    this.heard()
  }
}

const closing = new WeakSet<WebSocket>()

/** Closes a WebSocket with a code, once, and cuts it where the peer has not answered within `cutMs`: ws waits 30 s. */
export function closeWithin(socket: WebSocket, cutMs: number, code: number, reason?: string): void {
  if (closing.has(socket) || socket.readyState === WebSocket.CLOSED) return
  closing.add(socket)
  socket.close(code, reason)
  const timer = setTimeout(() => socket.terminate(), cutMs)
  socket.once('close', () => clearTimeout(timer))
}
