import type { Buffer } from 'node:buffer'
import { MAX_TUNNEL_MESSAGE, TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import { WebSocket } from 'ws'
import { Backoff } from '../process/backoff.ts'
import { TunnelLinkError } from './errors.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from './limits.ts'
import { type LinkHandlers, TunnelLink } from './link.ts'

/** Where to dial, with which credential, and who hears of it. */
export interface DiallerOptions extends Pick<LinkHandlers, 'onStream' | 'onControl'> {
  /** `ws:` or `wss:`, with the path. */
  readonly url: string
  readonly token: string
  /** A link is open: register here. */
  readonly onOpen: (link: TunnelLink) => void
  /** A link ended, or could not be made (then there is none); the next try follows after `waitMs`. */
  readonly onDown: (error: TunnelLinkError, waitMs: number, link: TunnelLink | undefined) => void
  readonly limits?: Partial<TunnelLimits>
}

/** Keeps one link to a peer: dials, and dials again with a growing wait for as long as it is not stopped. */
export class TunnelDialler {
  readonly #options: DiallerOptions
  readonly #limits: TunnelLimits
  readonly #backoff: Backoff
  #socket: WebSocket | undefined
  #link: TunnelLink | undefined
  #retry: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: DiallerOptions) {
    this.#options = options
    this.#limits = { ...DEFAULT_TUNNEL_LIMITS, ...options.limits }
    this.#backoff = new Backoff(this.#limits.backoff)
  }

  /** The link at hand. */
  get link(): TunnelLink | undefined {
    return this.#link
  }

  start(): void {
    if (!this.#stopped) this.#dial()
  }

  /** The peer has taken what we registered: the next loss is followed by a quick try. */
  established(): void {
    this.#backoff.reset()
  }

  /** Ends the link, and dials no more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#retry)
    if (this.#link !== undefined) this.#link.close('normal', 'stopped')
    else this.#socket?.terminate()
  }

  #dial(): void {
    const { url, token } = this.#options
    const socket = new WebSocket(url, TUNNEL_SUBPROTOCOL, {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: MAX_TUNNEL_MESSAGE,
      handshakeTimeout: this.#limits.connectMs,
      followRedirects: false,
      skipUTF8Validation: true,
      ...(mayLeaveUnmasked(url) ? { generateMask: leaveZeros } : {}),
    })
    this.#socket = socket
    let fault: TunnelLinkError | undefined
    const failed = (): void => this.#down(fault ?? new TunnelLinkError('the connection could not be made'))
    socket.on('unexpected-response', (_request, response) => {
      const { statusCode, statusMessage = '' } = response
      fault ??= new TunnelLinkError(`the upgrade was refused: ${statusCode} ${statusMessage}`, statusCode)
      response.resume()
      socket.terminate()
    })
    socket.on('error', (error) => (fault ??= new TunnelLinkError(error.message, undefined, error)))
    socket.once('close', failed)
    socket.once('open', () => {
      socket.off('close', failed)
      this.#opened(socket)
    })
  }

  #opened(socket: WebSocket): void {
    const { onStream, onControl } = this.#options
    const handlers: LinkHandlers = { onStream, onControl, onClose: (_link, error) => this.#down(error) }
    this.#link = new TunnelLink(socket, { dialler: true, handlers, limits: this.#limits })
    if (this.#stopped) this.stop()
    else this.#options.onOpen(this.#link)
  }

  #down(error: TunnelLinkError): void {
    const link = this.#link
    this.#link = undefined
    this.#socket = undefined
    if (this.#stopped) return
    const waitMs = this.#backoff.nextMs()
    // Before it is told, since the one that hears of it may stop.
    this.#retry = setTimeout(() => this.#dial(), waitMs)
    this.#options.onDown(error, waitMs, link)
  }
}

/**
 * Whether frames may go out with a mask of zeros, which costs nothing to apply. The mask guards plain-text
 * intermediaries against chosen bytes (RFC 6455, 10.3): inside TLS and on loopback there are none.
 */
export function mayLeaveUnmasked(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return (
    protocol === 'wss:' ||
    hostname === 'localhost' ||
    hostname === '[::1]' ||
    /^127(\.\d+){3}$/.test(hostname)
  )
}

function leaveZeros(mask: Buffer): void {
  mask.fill(0)
}
