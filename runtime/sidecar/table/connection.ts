import { WebSocket } from 'ws'
import type { BackoffLimits } from '../../process/backoff.ts'

/** The link's timeouts, in milliseconds. */
export interface LinkLimits {
  /** From the connect to the upgrade. Default: 5 s. */
  readonly connectTimeoutMs: number
  /** From the upgrade to the first snapshot. Default: 10 s. */
  readonly snapshotTimeoutMs: number
  /** Between two pings of ours. Default: 5 s. */
  readonly pingIntervalMs: number
  /** Silence after which the manager counts as gone. Default: 12 s. */
  readonly silenceTimeoutMs: number
  /** How long a closing handshake may take. Default: 500 ms. */
  readonly closeTimeoutMs: number
  /** How long a connection holds before the wait between tries starts anew. Default: 1 s. */
  readonly stableAfterMs: number
  /** Between two tries to connect. Default: 100 ms, doubled up to 5 s. */
  readonly backoff: BackoffLimits
}

export const DEFAULT_LINK_LIMITS: LinkLimits = {
  connectTimeoutMs: 5_000,
  snapshotTimeoutMs: 10_000,
  pingIntervalMs: 5_000,
  silenceTimeoutMs: 12_000,
  closeTimeoutMs: 500,
  stableAfterMs: 1_000,
  backoff: { firstMs: 100, maxMs: 5_000 },
}

/** Close codes of the sidecar (RFC 6455, 7.4.1 and 7.4.2). */
export const CLOSE_NORMAL = 1000
export const CLOSE_UNREADABLE = 1007
export const CLOSE_RESYNC = 4001
/** As the tunnel's (wire/SPEC.md, section 5): no answer in time. */
const CLOSE_LATE = 4004

/** Why a connection ended or never came to be, as a constant word, so that a log line repeats only on change. */
export type LinkFault = { readonly reason: string; readonly detail?: string | number }

/** What a connection tells its link. */
export interface ConnectionHandlers {
  onOpen(): void
  /** Returns the code to close with where the message cannot be taken. */
  onMessage(text: string): number | undefined
  /** Called once. */
  onClose(fault: LinkFault): void
}

/** One WebSocket's life: its pings, its timeouts, and one reason why it ended. */
export class Connection {
  readonly #socket: WebSocket
  readonly #limits: LinkLimits
  readonly #handlers: ConnectionHandlers
  #fault: LinkFault | undefined
  #heardAt = 0
  #ping: NodeJS.Timeout | undefined
  #snapshot: NodeJS.Timeout | undefined
  #closing: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, limits: LinkLimits, handlers: ConnectionHandlers) {
    this.#socket = socket
    this.#limits = limits
    this.#handlers = handlers
    socket.on('open', () => this.#open())
    socket.on('ping', () => (this.#heardAt = Date.now()))
    socket.on('pong', () => (this.#heardAt = Date.now()))
    socket.on('message', (data, binary) => this.#message(data as Buffer, binary))
    socket.on('unexpected-response', (_request, response) => {
      this.#fault ??= { reason: 'refused', detail: response.statusCode }
      response.resume()
      socket.terminate()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#fault ??= { reason: 'error', detail: error.code ?? error.name }
    })
    socket.on('close', (code) => this.#close(code))
  }

  #open(): void {
    const { pingIntervalMs, snapshotTimeoutMs } = this.#limits
    this.#heardAt = Date.now()
    this.#ping = setInterval(() => this.#pingOrGiveUp(), pingIntervalMs)
    this.#snapshot = setTimeout(() => this.#giveUp('no snapshot', CLOSE_LATE), snapshotTimeoutMs)
    this.#handlers.onOpen()
  }

  #pingOrGiveUp(): void {
    if (Date.now() - this.#heardAt > this.#limits.silenceTimeoutMs) this.#giveUp('silent', CLOSE_LATE)
    else this.#socket.ping()
  }

  #message(data: Buffer, binary: boolean): void {
    this.#heardAt = Date.now()
    if (this.#socket.readyState !== WebSocket.OPEN) return
    const code = binary ? CLOSE_UNREADABLE : this.#handlers.onMessage(data.toString('utf8'))
    clearTimeout(this.#snapshot)
    if (code !== undefined) this.#giveUp(code === CLOSE_RESYNC ? 'out of step' : 'message refused', code)
  }

  /** A peer that is gone never ends the closing handshake: it gets a limit. */
  #giveUp(reason: string, code: number): void {
    this.#fault ??= { reason }
    this.#socket.close(code)
    this.#closing ??= setTimeout(() => this.#socket.terminate(), this.#limits.closeTimeoutMs)
  }

  #close(code: number): void {
    clearInterval(this.#ping)
    clearTimeout(this.#snapshot)
    clearTimeout(this.#closing)
    this.#handlers.onClose(this.#fault ?? { reason: 'closed', detail: code })
  }
}
