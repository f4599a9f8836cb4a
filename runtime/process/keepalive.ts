import { WebSocket } from 'ws'

/** How soon the loss of a peer is noticed. */
export interface KeepaliveLimits {
  /** Time between two pings. */
  readonly pingMs: number
  /** Longest time from a ping to any bytes of the peer. */
  readonly pongMs: number
  /** How many further pings follow at once if one is not answered in time. Default: 0. */
  readonly retries?: number
}

/** Pings the peer of an open WebSocket, on either side. Calls back once when the peer does not respond. */
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

  /** Call this for every message of the peer, which shows that the peer is alive, even if its pong is late. */
  heard(): void {
    if (this.#pong === undefined) return
    clearTimeout(this.#pong)
    this.#pong = undefined
  }

  #ping(): void {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#pong !== undefined) return
    this.#try(this.#limits.retries ?? 0)
  }

  #try(retries: number): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping()
    this.#pong = setTimeout(() => {
      if (retries > 0) return this.#try(retries - 1)
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

/** Closes a WebSocket with a code, once. Cuts it off if the peer does not reply within `cutMs` (ws waits 30 s). */
export function closeWithin(socket: WebSocket, cutMs: number, code: number, reason?: string): void {
  if (closing.has(socket) || socket.readyState === WebSocket.CLOSED) return
  closing.add(socket)
  socket.close(code, reason)
  const timer = setTimeout(() => socket.terminate(), cutMs)
  socket.once('close', () => clearTimeout(timer))
}
