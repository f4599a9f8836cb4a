import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ClientOptions, WebSocket } from 'ws'
import { Backoff, type BackoffLimits } from './backoff.ts'

/** Why there is no connection: a constant word for branching and logs, and the details. */
export interface SocketFault {
  readonly reason: 'token unreadable' | 'cannot connect' | 'refused' | 'error' | 'closed'
  /** The code of a system error, the status of a refusal, or the peer's close code. */
  readonly detail: string | number | undefined
  /** A sentence. It does not contain the token. */
  readonly message: string
  readonly cause?: unknown
}

export interface KeptSocketOptions {
  /** `ws:` or `wss:`, with the path. A function returns the URL of the next attempt. */
  readonly url: string | (() => string)
  readonly subprotocol: string
  /** Returns the credential for the next attempt. It may change between attempts. */
  readonly token: () => string | Promise<string>
  readonly webSocket?: Pick<ClientOptions, 'maxPayload' | 'skipUTF8Validation' | 'generateMask'>
  /** Connects to a URL in another way than by TCP. Undefined for URLs for which it does not. */
  readonly connect?: ((url: string) => Duplex | undefined) | undefined
  readonly limits: KeptSocketLimits
  /** A connection is open. Set its listeners here. */
  readonly onOpen: (socket: WebSocket) => void
  /** A connection ended or could not be opened. The next attempt follows after `waitMs`. Not called after `stop`. */
  readonly onDown: (fault: SocketFault, waitMs: number) => void
}

interface KeptSocketLimits {
  /** Longest time from the dial to the open WebSocket. */
  readonly connectMs: number
  /** The wait between two attempts. */
  readonly backoff: BackoffLimits
}

/** Keeps one WebSocket to a peer: dials, and dials again with a growing wait until it is stopped. */
export class KeptSocket {
  readonly #options: KeptSocketOptions
  readonly #backoff: Backoff
  #socket: WebSocket | undefined
  #retry: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: KeptSocketOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.limits.backoff)
  }

  start(): void {
    if (!this.#stopped) void this.#dial()
  }

  /**
   * The connection works, so the first attempt after its loss comes soon. Call it before `onDown`, which names the wait.
   */
  established(): void {
    this.#backoff.reset()
  }

  /**
   * Dials no more. `close` ends an open connection; one that is being opened is cut off. Resolves when there is none.
   */
  async stop(close: (socket: WebSocket) => void): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#retry)
    const socket = this.#socket
    if (socket === undefined) return
    const closed = new Promise((resolve) => socket.once('close', resolve))
    if (socket.readyState === WebSocket.CONNECTING) socket.terminate()
    else close(socket)
    await closed
  }

  async #dial(): Promise<void> {
    let token: string
    try {
      token = await this.#options.token()
    } catch (error) {
      this.#down(faultOf('token unreadable', error))
      return
    }
    if (!this.#stopped) this.#connect(token)
  }

  #connect(token: string): void {
    const { url, subprotocol, webSocket, connect, limits, onOpen } = this.#options
    let socket: WebSocket
    try {
      const to = typeof url === 'string' ? url : url()
      const connection = connect?.(to)
      socket = new WebSocket(to, subprotocol, {
        ...webSocket,
        ...(connection !== undefined && { createConnection: () => connection as Socket }),
        headers: { authorization: `Bearer ${token}` },
        perMessageDeflate: false,
        handshakeTimeout: limits.connectMs,
        followRedirects: false,
      })
    } catch (error) {
      // For example, a token that a header must not contain.
      this.#down(faultOf('cannot connect', error))
      return
    }
    this.#socket = socket
    let fault: SocketFault | undefined
    const ended = (code: number, reason: Buffer): void => {
      this.#socket = undefined
      this.#down(fault ?? closedFault(code, reason.toString()))
    }
    socket.on('unexpected-response', (_request, response) => {
      const { statusCode = 0, statusMessage = '' } = response
      const message = `the upgrade was refused: ${statusCode} ${statusMessage}`
      fault ??= { reason: 'refused', detail: statusCode, message }
      response.resume()
      socket.terminate()
    })
    socket.on('error', (error) => (fault ??= faultOf('error', error)))
    socket.once('close', ended)
    socket.once('open', () => {
      onOpen(socket)
      // After the listeners of onOpen, which get the end first.
      socket.off('close', ended).once('close', ended)
    })
  }

  #down(fault: SocketFault): void {
    if (this.#stopped) return
    const waitMs = this.#backoff.nextMs()
    // Before onDown, which may stop.
    this.#retry = setTimeout(() => void this.#dial(), waitMs)
    this.#options.onDown(fault, waitMs)
  }
}

function faultOf(reason: SocketFault['reason'], error: unknown): SocketFault {
  const { code, name, message } = error as NodeJS.ErrnoException
  return { reason, detail: code ?? name, message, cause: error }
}

const closedFault = (code: number, reason: string): SocketFault => ({
  reason: 'closed',
  detail: code,
  message: reason === '' ? `the connection ended (${code})` : reason,
})
