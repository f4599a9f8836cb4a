import { Buffer } from 'node:buffer'
import type { StreamTarget } from '@branchline/wire/tunnel/control'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import type { ReadTarget } from '@branchline/wire/tunnel/frame'
import { CLOSE_CODES, type CloseReason } from '@branchline/wire/tunnel/limits'
import type { RawData, WebSocket } from 'ws'
import { closeWithin, Keepalive } from '../process/keepalive.ts'
import { TunnelLinkError, TunnelStreamError } from './errors.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from './limits.ts'
import { Mux, type Stalls } from './mux.ts'
import type { TunnelStream } from './stream.ts'
import { FastPath } from './websocket/fast-path.ts'

/** Receives the events of a {@link TunnelLink}. */
export interface LinkHandlers<T extends object = StreamTarget> {
  /** The peer opened a stream. Set its receiver now, then call `accept()` or `reset()`. */
  onStream(link: TunnelLink<T>, stream: TunnelStream<T>): void
  /** A control message arrived. A {@link TunnelProtocolError} thrown here closes the link. */
  onControl(link: TunnelLink<T>, payload: Buffer): void
  /** The last event. Every stream of the link has ended before it. */
  onClose(link: TunnelLink<T>, error: TunnelLinkError): void
}

/** Milliseconds from our close frame to the cut if the peer does not reply to it. */
const CLOSE_WAIT_MS = 2_000

let nextId = 1

/** How a {@link TunnelLink} is made of an open WebSocket. */
export interface LinkOptions<T extends object = StreamTarget> {
  /** True if this side dialled. */
  readonly dialler: boolean
  readonly handlers: LinkHandlers<T>
  readonly limits?: Partial<TunnelLimits>
  /** True if the frames that this side sends may have a mask of zeros. Only for a dialler. Default: false. */
  readonly unmasked?: boolean
  /** Parses what the peer opens streams to. Default: a Service's port. */
  readonly readTarget?: ReadTarget<T> | undefined
  /** Counts stalls. Several links may share it. Default: they are not counted. */
  readonly stalls?: Stalls | undefined
}

/** One open WebSocket and its streams. It pings the peer, and ends all streams when it ends. */
export class TunnelLink<T extends object = StreamTarget> {
  /** Distinguishes the links of one process. */
  readonly id = nextId++
  readonly #socket: WebSocket
  readonly #handlers: LinkHandlers<T>
  readonly #mux: Mux<T>
  readonly #keepalive: Keepalive
  readonly #fast: FastPath | undefined
  #fault: TunnelLinkError | undefined
  #closed = false

  constructor(socket: WebSocket, options: LinkOptions<T>) {
    const limits = { ...DEFAULT_TUNNEL_LIMITS, ...options.limits }
    this.#socket = socket
    this.#handlers = options.handlers
    this.#mux = new Mux({
      dialler: options.dialler,
      readTarget: options.readTarget,
      stalls: options.stalls,
      limits,
      send: (message, sent) => this.#send(message, sent),
      onStream: (stream) => this.#handlers.onStream(this, stream),
      onControl: (payload) => this.#handlers.onControl(this, payload),
      onOverflow: () => this.#cut(new TunnelLinkError('the peer does not read what it requests')),
    })
    this.#fast = FastPath.of(socket, {
      dialler: options.dialler,
      unmasked: options.unmasked === true,
      sink: {
        part: (bytes, from, to) => this.#receive(() => this.#mux.receivePart(bytes, from, to)),
        end: () => this.#receive(() => this.#mux.receiveEnd()),
      },
    })
    socket.on('message', (data, isBinary) => this.#receiveWhole(data, isBinary))
    socket.on('error', (error) => (this.#fault ??= new TunnelLinkError(error.message, undefined, error)))
    socket.on('close', (code, reason) => this.#ended(code, reason.toString()))
    // The peer may only have been suspended. The code tells it the reason once it reads again.
    this.#keepalive = new Keepalive(socket, limits, () =>
      this.close('timeout', `no response to a ping within ${limits.pongMs} ms`),
    )
  }

  /** Number of streams that are not over. */
  get streams(): number {
    return this.#mux.size
  }

  /** Number of streams with bytes that wait to be sent. */
  get stalled(): number {
    return this.#mux.stalled
  }

  get closed(): boolean {
    return this.#closed
  }

  /** True if {@link open} works: the link is not closing, and neither side has announced that it goes away. */
  get takesStreams(): boolean {
    return this.#fault === undefined && !this.#closed && !this.#mux.draining
  }

  /** True if {@link open} works now: {@link takesStreams} is true, and the limit of streams is not reached. */
  get hasRoom(): boolean {
    return this.takesStreams && !this.#mux.full
  }

  /** Opens a stream. See {@link Mux.open}. */
  open(target: T): TunnelStream<T> {
    return this.#mux.open(target)
  }

  /** Sends a control message: JSON that the owner of the peer's link parses. */
  control(message: object): void {
    this.#mux.control(message)
  }

  /** Announces that this side takes no new streams. Running ones continue. */
  goAway(reason: string): void {
    this.#mux.control({ type: 'goaway', reason })
    this.#mux.drain()
  }

  /** The peer takes no new streams, so {@link open} fails at once. */
  drain(): void {
    this.#mux.drain()
  }

  /** Ends the link and all its streams with a close code. Sends batched frames first. */
  close(reason: CloseReason | 'normal', text: string): void {
    if (this.#closed || this.#fault !== undefined) return
    const code = reason === 'normal' ? 1000 : CLOSE_CODES[reason]
    this.#fault = new TunnelLinkError(text, code)
    this.#mux.flush()
    // RFC 6455, 5.5: at most 123 bytes of text.
    const reasonText = text.replaceAll('’', "'").replaceAll(/[^ -~]/g, '?')
    closeWithin(this.#socket, CLOSE_WAIT_MS, code, reasonText.slice(0, 120))
    this.#endStreams()
  }

  /** Cuts the connection off without a close frame. */
  terminate(): void {
    this.#cut(new TunnelLinkError('cut off by this side'))
  }

  #cut(fault: TunnelLinkError): void {
    this.#fault ??= fault
    this.#socket.terminate()
  }

  #send(message: Buffer, sent: () => void): void {
    if (this.#fast === undefined) this.#socket.send(message, SEND_OPTIONS, sent)
    else this.#fast.send(message, sent)
  }

  #receiveWhole(data: RawData, isBinary: boolean): void {
    this.#receive(() => {
      if (!isBinary || !Buffer.isBuffer(data)) throw new TunnelProtocolError('protocol', 'a text message')
      this.#mux.receive(data)
    })
  }

  #receive(take: () => void): void {
    if (this.#fault !== undefined) return
    this.#keepalive.heard()
    try {
      take()
    } catch (error) {
      if (!(error instanceof TunnelProtocolError)) throw error
      this.close(error.reason, error.message)
    }
  }

  #ended(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#fault ??= new TunnelLinkError(reason === '' ? `the connection ended (${code})` : reason, code)
    this.#endStreams()
    this.#handlers.onClose(this, this.#fault)
  }

  #endStreams(): void {
    this.#mux.close(new TunnelStreamError('lost', `the tunnel is gone: ${this.#fault?.message ?? 'closed'}`))
  }
}

const SEND_OPTIONS = { binary: true, compress: false } as const
