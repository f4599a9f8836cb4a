import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'
import { Socket } from 'node:net'
import { MAX_TUNNEL_MESSAGE } from '@branchline/wire/tunnel/limits'
import type { WebSocket } from 'ws'
import {
  type HandleWriter,
  handleWriter,
  readInto,
  type WriteListener,
} from '../../transport/node-private.ts'
import { SocketTransport } from '../../transport/socket-transport.ts'
import { IGNORE } from '../../transport/transport.ts'
import { applyMask, FrameReader } from './reader.ts'

/** Receives the events of a {@link FastPath}. */
interface FastPathSink {
  /** Bytes `from` to `to` of a buffer belong to a message. The next read overwrites them. */
  part(bytes: Buffer, from: number, to: number): void
  /** The message is complete. */
  end(): void
}

export interface FastPathOptions {
  /** True if this side dialled. It then masks what it sends (RFC 6455, 5.3). */
  readonly dialler: boolean
  /** True if the masks may be zero. */
  readonly unmasked: boolean
  readonly sink: FastPathSink
}

const BINARY = 0x82
const MASKED = 0x80
const NO_MASK = Buffer.alloc(4)

/**
 * Sends and receives the binary messages of an open WebSocket on its socket directly. `ws` allocates memory for each
 * read, copies messages together, and sends each one through queues. All other frames still go through `ws`: pings,
 * closes, fragments, and what is not valid.
 */
export class FastPath implements WriteListener {
  readonly #options: FastPathOptions
  readonly #socket: Socket
  readonly #writer: HandleWriter
  /** Called when the system has taken them, in this order. */
  readonly #sent: (() => void)[] = []

  /** Undefined if the WebSocket runs over TLS, or if Node or `ws` have other private parts than those known. */
  static of(webSocket: WebSocket, options: FastPathOptions): FastPath | undefined {
    const { _socket: socket } = webSocket as unknown as { _socket: unknown }
    if (!(socket instanceof Socket) || 'encrypted' in socket) return undefined
    const path = new FastPath(socket, options)
    return path.#writer === undefined || !path.#read() ? undefined : path
  }

  private constructor(socket: Socket, options: FastPathOptions) {
    this.#socket = socket
    this.#options = options
    // `of` checks it before it returns the path.
    this.#writer = handleWriter(socket, this) as HandleWriter
  }

  /** Sends a message that has `MESSAGE_ROOM` bytes of room before it. `sent` may be called from inside this call. */
  send(message: Buffer, sent: () => void): void {
    const framed = this.#frame(message)
    const before = this.#writer.pendingBytes
    const error = this.#writer.write(framed)
    if (error !== undefined) this.#socket.destroy(error)
    else if (this.#writer.pendingBytes > before) this.#sent.push(sent)
    else sent()
  }

  taken(): void {
    this.#sent.shift()?.()
  }

  written(): void {}

  failed(error: Error): void {
    this.#socket.destroy(error)
  }

  /** Writes the header of the frame into the room before the message. */
  #frame(message: Buffer): Buffer {
    const { dialler, unmasked } = this.#options
    const mask = !dialler || unmasked ? NO_MASK : randomFillSync(Buffer.allocUnsafe(NO_MASK.length))
    const maskLength = dialler ? NO_MASK.length : 0
    const { length } = message
    const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
    const room = 2 + extended + maskLength
    const framed = Buffer.from(message.buffer, message.byteOffset - room, room + length)
    framed[0] = BINARY
    framed[1] = (dialler ? MASKED : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127)
    if (extended === 2) framed.writeUInt16BE(length, 2)
    else if (extended === 8) {
      framed.writeUInt32BE(0, 2)
      framed.writeUInt32BE(length, 6)
    }
    if (dialler) {
      mask.copy(framed, 2 + extended)
      if (!unmasked) applyMask(framed, room, framed.length, mask, 0)
    }
    return framed
  }

  /** Takes over what the socket reads. */
  #read(): boolean {
    const socket = this.#socket
    const { sink, dialler } = this.#options
    const transport = new SocketTransport()
    const theirs = socket.listeners('data') as ((data: Buffer) => void)[]
    if (theirs.length === 0 || !readInto(socket, transport.onread)) return false
    const reader = new FrameReader(
      {
        part: (bytes, from, to) => sink.part(bytes, from, to),
        end: () => sink.end(),
        // `ws` keeps views of what it gets.
        other: (bytes) => void socket.emit('data', Buffer.from(bytes)),
      },
      { masked: !dialler, maxLength: MAX_TUNNEL_MESSAGE },
    )
    transport.receiver = { ...IGNORE, onData: (data) => reader.push(data) }
    transport.attach(socket, 'onread', true)
    this.#readFirst(theirs, reader)
    return true
  }

  /** What arrived together with the handshake waits in the socket's queue. */
  #readFirst(theirs: readonly ((data: Buffer) => void)[], reader: FrameReader): void {
    const socket = this.#socket
    // `read` also emits data.
    for (const listener of theirs) socket.off('data', listener)
    const first: Buffer[] = []
    const next = (): Buffer | null => socket.read() as Buffer | null
    for (let part = next(); part !== null; part = next()) first.push(part)
    for (const listener of theirs) socket.on('data', listener)
    if (first.length > 0) process.nextTick(() => reader.push(Buffer.concat(first)))
  }
}
