import type { Socket } from 'node:net'
import { type PausedSocket, unwatchPaused, watchPaused } from './paused-sockets.ts'
import {
  COPY_BYTES,
  IN_PLACE_BYTES,
  pin,
  type ReadBuffer,
  ReadBuffers,
  reading,
  unpin,
} from './read-buffer.ts'
import {
  type HandleWriter,
  handleWriter,
  inodeOf,
  latin1,
  type WriteListener,
  writeLatin1,
} from './node-private.ts'
import { IGNORE, type Receiver, type Transport } from './transport.ts'
import { type SlowReader, unread } from './unread-bytes.ts'

/** How the bytes of a socket arrive: into our own buffers, or through Node's data events (the fallback). */
export type ReadMode = 'onread' | 'data'

/** Options with which the socket of a {@link SocketTransport} must be created. */
export interface OnRead {
  readonly buffer: () => Buffer
  readonly callback: (byteCount: number, buffer: Uint8Array) => boolean
}

/** The addresses of a dialled transport's peer. */
export interface Dial {
  /** The address of the last socket accepted the connection. */
  reached(): void
  /** Returns a socket to the next address, or the error if no address accepted the connection. */
  next(error: Error): Socket | Error
}

/** A TCP or Unix socket as a {@link Transport}. It exists before its socket, which takes its `onread`. */
export class SocketTransport implements Transport, WriteListener, PausedSocket, SlowReader {
  receiver: Receiver = IGNORE
  opened = false
  pausedAt = 0
  missed = 0
  unreadBytes = 0
  closed = false
  remoteAddress: string | undefined = undefined
  readonly onread: OnRead
  #socket: Socket | undefined
  /** Undefined if the socket's own queue takes all writes. */
  #writer: HandleWriter | undefined = undefined
  /** True if the socket's queue has received something. Later writes must wait behind it. */
  #queued = false
  readonly #buffers = new ReadBuffers()
  #pinned: ReadBuffer[] | undefined = undefined
  #lastRead = 0
  /** True from a read until Node requests the buffer for the next one. */
  #asked = false
  #stable = false
  #paused = false
  #blocked = false
  #ending = false
  /** The peer has ended its direction. */
  #ended = false
  /** A write failed, and bytes from the peer are still to be read. */
  #writeError: Error | undefined = undefined
  #error: Error | undefined = undefined
  /** Undefined if there is only one address, and once the transport is connected. */
  #dial: Dial | undefined = undefined

  constructor() {
    this.onread = {
      buffer: () => this.#nextBuffer(),
      callback: (byteCount, buffer) => this.#read(byteCount, buffer as Buffer),
    }
  }

  get stable(): boolean {
    return this.#stable
  }

  get pendingBytes(): number {
    if (this.#writeError !== undefined) return 0
    const { pendingBytes } = this.#writer ?? NOTHING
    return this.#queued ? pendingBytes + (this.#socket?.writableLength ?? 0) : pendingBytes
  }

  /** How bytes leave: through the handle of the socket, or through Node's own queue (the fallback). */
  get writes(): 'handle' | 'queue' {
    return this.#writer === undefined ? 'queue' : 'handle'
  }

  /**
   * Attaches the socket. Call it in the tick that created the socket. `dial` provides another socket for each one that
   * cannot connect.
   */
  attach(socket: Socket, mode: ReadMode, opened: boolean, dial?: Dial): this {
    this.#socket = socket
    this.#dial = dial
    this.opened = opened
    this.remoteAddress = plainAddress(socket.remoteAddress)
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('end', () => this.#end(socket))
    socket.on('drain', () => this.#drained())
    socket.on('close', () => this.#close())
    // The handle of a TLS socket takes what it gets later, in other sizes.
    if (opened) this.#writer = isEncrypted(socket) ? undefined : handleWriter(socket, this)
    else socket.on('connect', () => this.#connected(socket))
    if (mode === 'data') {
      this.#stable = true
      socket.on('data', (data) => this.receiver.onData(data))
    }
    return this
  }

  write(data: Buffer | string, stable = false): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#writes) return true
    if (typeof data === 'string') this.#send(socket, data)
    else if (data.length < IN_PLACE_BYTES) this.#send(socket, latin1(data, 0, data.length))
    else if (stable) this.#send(socket, data)
    else this.#writeLarge(socket, data)
    return this.#hasRoom()
  }

  writeBoth(text: string, data: Buffer, stable = false): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#writes) return true
    const length = text.length + data.length
    const whole = length < IN_PLACE_BYTES ? undefined : joinInPlace(text, data)
    if (whole !== undefined) return this.write(whole)
    if (length <= COPY_BYTES) {
      this.#send(socket, text + latin1(data, 0, data.length))
      return this.#hasRoom()
    }
    socket.cork()
    this.#queue(socket, text)
    this.write(data, stable)
    socket.uncork()
    return this.#hasRoom()
  }

  pause(): void {
    if (!this.#paused && !this.#ended) watchPaused(this)
    this.#paused = true
    this.#socket?.pause()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    unwatchPaused(this)
    this.#socket?.resume()
  }

  /** For the check of paused sockets only, like the next two methods. */
  inode(): number | undefined {
    return this.#socket === undefined || !this.opened || this.closed ? undefined : inodeOf(this.#socket)
  }

  peerEnded(): void {
    unwatchPaused(this)
    this.receiver.onEndUnread?.()
  }

  peerReset(): void {
    const error = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })
    this.#socket?.destroy(error)
  }

  cutUnread(error: Error): void {
    this.destroy(error)
  }

  end(): void {
    this.#ending = true
    if (this.#writeError === undefined) this.#socket?.end()
  }

  destroy(error?: Error): void {
    if (this.closed) return
    this.closed = true
    this.#error ??= error
    const socket = this.#socket
    if (socket === undefined) return
    // libuv does not reset a socket during its shutdown (EINVAL), and Node would then never close its descriptor.
    const shutting = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
    // A Unix socket has no reset, nor a remote address.
    const mayReset = this.opened && !shutting && socket.remoteAddress !== undefined && !isEncrypted(socket)
    if (error !== undefined && mayReset) socket.resetAndDestroy()
    else socket.destroy()
  }

  takeSocket(): Socket | undefined {
    if (!this.opened || this.closed || this.#ending) return undefined
    this.receiver = IGNORE
    // The next owner gets what the fallback reads through data events.
    return this.#socket?.removeAllListeners('data')
  }

  // After a read, Node keeps its buffer if this returns no bytes. A new handle has no buffer yet.
  #nextBuffer(): Buffer {
    const before = this.#buffers.current
    const bytes = this.#buffers.next(this.#lastRead)
    const unchanged = this.#asked && this.#buffers.current === before
    this.#asked = false
    return unchanged ? (undefined as unknown as Buffer) : bytes
  }

  #read(byteCount: number, buffer: Buffer): boolean {
    this.#lastRead = byteCount
    this.#asked = true
    if (this.closed) return false
    const before = reading.current
    reading.current = this.#buffers.current
    try {
      this.receiver.onData(this.#buffers.view(buffer, byteCount))
    } finally {
      reading.current = before
    }
    return !this.#paused
  }

  // Bytes of the buffer that is being read stay in place, and the buffer is pinned until they are sent. Bytes of the
  // shared buffer, or of any other, are copied.
  #writeLarge(socket: Socket, data: Buffer): void {
    const source = reading.current
    if (!source.lent || source.bytes.buffer !== data.buffer) return this.#send(socket, copyOf(data))
    this.#send(socket, data)
    if (this.pendingBytes === 0) return
    pin(source, data.byteOffset + data.length)
    ;(this.#pinned ??= []).push(source)
  }

  /** Sends data that does not change any more. It bypasses the socket's queue unless something waits there. */
  #send(socket: Socket, data: Buffer | string): void {
    const writer = this.#writer
    if (writer === undefined || (this.#queued && socket.writableLength > 0)) return this.#queue(socket, data)
    const error = writer.write(data)
    if (error !== undefined) this.failed(error)
  }

  #queue(socket: Socket, data: Buffer | string): void {
    this.#queued = true
    if (typeof data === 'string') socket.write(data, 'latin1')
    else socket.write(data)
  }

  /** The system has taken the last write of the handle. The socket's queue has its own event for this. */
  written(): void {
    this.#drained()
  }

  failed(error: Error): void {
    if (this.receiver.readsOn !== true || this.#ended) {
      this.#socket?.destroy(error)
      return
    }
    this.#writeError ??= error
    // Deferred, because this may run inside a write.
    if (this.#blocked) process.nextTick(() => this.#drained())
  }

  get #writes(): boolean {
    return !this.closed && !this.#ending && this.#writeError === undefined
  }

  #end(socket: Socket): void {
    this.#ended = true
    if (this.#writeError === undefined) this.receiver.onEnd()
    else socket.destroy(this.#writeError)
  }

  #hasRoom(): boolean {
    const { pendingBytes } = this
    if (pendingBytes < COPY_BYTES) return true
    this.#blocked = true
    unread.keep(this, pendingBytes)
    return false
  }

  #drained(): void {
    if (this.pendingBytes > 0) return
    if (this.unreadBytes > 0) unread.keep(this, 0)
    this.#unpin()
    if (!this.#blocked || this.closed) return
    this.#blocked = false
    this.receiver.onDrain()
  }

  #unpin(): void {
    if (this.#pinned === undefined) return
    for (const buffer of this.#pinned) unpin(buffer)
    this.#pinned = undefined
  }

  #connected(socket: Socket): void {
    if (this.closed) return
    if (isSelf(socket)) return void socket.destroy(refusedBySelf(socket))
    this.opened = true
    this.#writer = handleWriter(socket, this)
    this.remoteAddress = plainAddress(socket.remoteAddress)
    this.#dial?.reached()
    this.#dial = undefined
    this.receiver.onOpen()
  }

  /** Goes on with the next address; what was written already would be lost there. */
  #redial(): boolean {
    const dial = this.#dial
    if (dial === undefined || this.closed || this.#queued || this.#error === undefined) return false
    const next = dial.next(this.#error)
    if (next instanceof Error) {
      this.#error = next
      return false
    }
    this.#error = undefined
    this.attach(next, 'onread', false, dial)
    if (this.#paused) next.pause()
    return true
  }

  #close(): void {
    if (this.#redial()) return
    this.closed = true
    if (this.#paused) unwatchPaused(this)
    if (this.unreadBytes > 0) unread.keep(this, 0)
    this.#unpin()
    this.#buffers.release()
    this.receiver.onClose(this.#error)
  }
}

/**
 * Whether a socket is connected to itself. On Linux, a client whose own port is drawn from the same range as the dead
 * port that it dials can get that very port: a TCP simultaneous open (RFC 9293, 3.5).
 */
const isSelf = ({ localPort, remotePort, localAddress, remoteAddress }: Socket): boolean =>
  remotePort !== undefined && localPort === remotePort && localAddress === remoteAddress

/** The error that the socket would have had with any other port of its own. */
const refusedBySelf = ({ remoteAddress: address, remotePort: port }: Socket): Error =>
  Object.assign(new Error(`connect ECONNREFUSED ${address}:${port}`), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
    address,
    port,
  })

/** Whether a socket is one of TLS. Its end without a close_notify shows an abort, and Node cannot reset it. */
const isEncrypted = (socket: Socket): boolean => 'encrypted' in socket

const NOTHING = { pendingBytes: 0 }

/** Node hands a string of this size to the system from the stack, without an allocation of its own. */
const copyOf = (data: Buffer): Buffer | string =>
  data.length <= COPY_BYTES ? latin1(data, 0, data.length) : Buffer.from(data)

/**
 * Writes the text directly before the data, to make one write instead of two. This works if both fit into the buffer
 * that is being read, what stood there has been consumed (the data follows it), and no pending write refers to the
 * place.
 */
function joinInPlace(text: string, data: Buffer): Buffer | undefined {
  const { bytes, lent, pinnedTo } = reading.current
  const from = data.byteOffset - text.length
  if (!lent || from < pinnedTo || bytes.buffer !== data.buffer) return undefined
  writeLatin1(bytes, text, from)
  return bytes.subarray(from, data.byteOffset + data.length)
}

/** Returns an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) of a dual-stack socket as IPv4. */
const plainAddress = (address: string | undefined): string | undefined =>
  address?.startsWith('::ffff:') === true ? address.slice(7) : address
