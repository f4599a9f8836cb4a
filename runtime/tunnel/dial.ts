import type { Buffer } from 'node:buffer'
import type { StreamTarget } from '@branchline/wire/tunnel/control'
import type { ReadTarget } from '@branchline/wire/tunnel/frame'
import { MAX_TUNNEL_MESSAGE, TUNNEL_SUBPROTOCOL } from '@branchline/wire/tunnel/limits'
import type { WebSocket } from 'ws'
import { KeptSocket, type SocketFault } from '../process/kept-socket.ts'
import { TunnelLinkError } from './errors.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from './limits.ts'
import { type LinkHandlers, TunnelLink } from './link.ts'

/** Where to dial, with which credential, and who receives the events. */
export interface DiallerOptions<T extends object = StreamTarget> extends Pick<
  LinkHandlers<T>,
  'onStream' | 'onControl'
> {
  /** `ws:` or `wss:`, with the path. */
  readonly url: string
  /** The credential, or a function that returns it for the next attempt. */
  readonly token: string | (() => string | Promise<string>)
  /** Default: that of a cluster's tunnel. */
  readonly subprotocol?: string
  /** Parses what the peer opens streams to. Default: a Service's port. */
  readonly readTarget?: ReadTarget<T>
  /** A link is open. Register here. */
  readonly onOpen: (link: TunnelLink<T>) => void
  /**
   * A link ended, or could not be opened (`link` is undefined then). The next attempt follows after `waitMs`.
   */
  readonly onDown: (error: TunnelLinkError, waitMs: number, link: TunnelLink<T> | undefined) => void
  readonly limits?: Partial<TunnelLimits>
}

/** Keeps one link to a peer, over a WebSocket that is dialled again until it is stopped. */
export class TunnelDialler<T extends object = StreamTarget> {
  readonly #options: DiallerOptions<T>
  readonly #limits: TunnelLimits
  readonly #kept: KeptSocket
  #link: TunnelLink<T> | undefined
  /** The link that ended last, and why. `onDown` gets it. */
  #ended: { readonly link: TunnelLink<T>; readonly error: TunnelLinkError } | undefined

  constructor(options: DiallerOptions<T>) {
    this.#options = options
    this.#limits = { ...DEFAULT_TUNNEL_LIMITS, ...options.limits }
    const { url, token, subprotocol = TUNNEL_SUBPROTOCOL } = options
    const { connectMs, backoff } = this.#limits
    this.#kept = new KeptSocket({
      url,
      subprotocol,
      token: typeof token === 'string' ? () => token : token,
      webSocket: {
        maxPayload: MAX_TUNNEL_MESSAGE,
        skipUTF8Validation: true,
        ...(mayLeaveUnmasked(url) && { generateMask: leaveZeros }),
      },
      limits: { connectMs, backoff },
      onOpen: (socket) => this.#opened(socket),
      onDown: (fault, waitMs) => this.#down(fault, waitMs),
    })
  }

  /** The current link. */
  get link(): TunnelLink<T> | undefined {
    return this.#link
  }

  start(): void {
    this.#kept.start()
  }

  /** The peer has accepted our registration, so the first attempt after the next loss comes soon. */
  established(): void {
    this.#kept.established()
  }

  /** Ends the link and dials no more. */
  stop(): void {
    void this.#kept.stop(() => this.#link?.close('normal', 'stopped'))
  }

  #opened(socket: WebSocket): void {
    const { onStream, onControl, onOpen, readTarget } = this.#options
    const handlers: LinkHandlers<T> = {
      onStream,
      onControl,
      onClose: (link, error) => {
        this.#link = undefined
        this.#ended = { link, error }
      },
    }
    this.#link = new TunnelLink(socket, {
      dialler: true,
      unmasked: mayLeaveUnmasked(this.#options.url),
      handlers,
      limits: this.#limits,
      readTarget,
    })
    onOpen(this.#link)
  }

  #down(fault: SocketFault, waitMs: number): void {
    const ended = this.#ended
    this.#ended = undefined
    this.#options.onDown(ended?.error ?? linkError(fault), waitMs, ended?.link)
  }
}

function linkError({ reason, detail, message, cause }: SocketFault): TunnelLinkError {
  if (reason === 'closed') return new TunnelLinkError('the connection could not be made')
  return new TunnelLinkError(message, typeof detail === 'number' ? detail : undefined, cause)
}

/**
 * True if frames may use a mask of zeros, which costs nothing to apply. The mask protects plain-text intermediaries
 * from chosen bytes (RFC 6455, 10.3), and there are none inside TLS and on loopback.
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
