import { fstatSync } from 'node:fs'
import { Socket, type SocketConstructorOpts } from 'node:net'

/**
 * The parts of Node that are private: the handle of a socket and its write requests, the buffer into which a socket
 * reads, the `handle` option of `net.Socket`, and the Latin-1 methods of Buffer. No other file uses them. The handle and its requests have not
 * changed since 2018. Each assumption is checked before use. If one fails, the public `Socket.write` takes over.
 */
export interface SocketHandle {
  writeLatin1String(request: WriteRequest, text: string): number
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
}

interface WriteRequest {
  oncomplete: ((status: number) => void) | undefined
  /** What the system reads from while the write is pending. */
  buffer: Uint8Array | undefined
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest
  /** State of the last call: how many bytes it took, and whether some of them are pending. */
  readonly streamBaseState: Int32Array
  readonly kBytesWritten: number
  readonly kLastWriteWasAsync: number
}

/** Whether to write to the handles of sockets. Tests turn it off. */
export const handleWrites = { wanted: true }

// An import would read every export of the module, including those that Node creates on access.
const { getSystemErrorName } = process.getBuiltinModule('node:util')
const binding = loadBinding()
let trusted = binding !== undefined
/** A request that no pending write holds. All sockets share it. */
let spare: WriteRequest | undefined

/** Returns the handle of a socket, if it has one. */
function handleOf(socket: Socket): object | undefined {
  const handle = (socket as unknown as { _handle: unknown })._handle
  return typeof handle === 'object' && handle !== null ? handle : undefined
}

/** Returns the inode number of a socket; undefined if the socket is closed or this Node does not expose it. */
export function inodeOf(socket: Socket): number | undefined {
  const { fd } = (handleOf(socket) ?? {}) as { fd?: unknown }
  if (typeof fd !== 'number' || fd < 0) return undefined
  try {
    return fstatSync(fd).ino
  } catch {
    return undefined
  }
}

/**
 * Moves the handle of a socket into a new socket with these options. The old socket is of no use afterwards. Returns
 * undefined if this Node has no handle that reads into a given buffer.
 */
export function moveHandle(socket: Socket, options: SocketConstructorOpts): Socket | undefined {
  const handle = handleOf(socket)
  if (handle === undefined || !('useUserBuffer' in handle)) return undefined
  ;(socket as unknown as { _handle: unknown })._handle = null
  return new Socket({ handle, ...options } as SocketConstructorOpts)
}

/** What `onread` of `net.connect` takes. */
interface OnReadFields {
  readonly buffer: () => Buffer
  readonly callback: (byteCount: number, buffer: Uint8Array) => boolean
}

/** The parts of a handle that reads into a given buffer. */
interface ReadingHandle {
  useUserBuffer(bytes: Uint8Array): void
}

/**
 * Lets an open socket read into given buffers, as the option `onread` of `net.connect` does. It emits no data events
 * afterwards. Returns false, and changes nothing, for a socket of TLS, or if this Node has other private parts.
 */
export function readInto(socket: Socket, { buffer, callback }: OnReadFields): boolean {
  const handle: Partial<ReadingHandle> | undefined = handleOf(socket)
  if (typeof handle?.useUserBuffer !== 'function' || 'encrypted' in socket) return false
  const fields = socket as unknown as Record<symbol, unknown>
  const symbols = Object.getOwnPropertySymbols(socket)
  const [bytes, onBytes, next] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.find((symbol) => symbol.description === name && fields[symbol] === null),
  )
  if (bytes === undefined || onBytes === undefined || next === undefined) return false
  const first = buffer()
  fields[bytes] = first
  fields[onBytes] = callback
  fields[next] = buffer
  handle.useUserBuffer(first)
  return true
}

/** Returns how many bytes of its writes libuv has not handed to the system; 0 if this Node does not tell. */
export function queuedBytes(socket: Socket): number {
  const { writeQueueSize } = (handleOf(socket) ?? {}) as { writeQueueSize?: unknown }
  return typeof writeQueueSize === 'number' ? writeQueueSize : 0
}

interface Latin1Buffer {
  latin1Slice(from: number, to: number): string
  latin1Write(text: string, at: number, length: number): number
}

/** Returns bytes as a string with one character each. `toString` costs more. */
export const latin1 = (bytes: Buffer, from: number, to: number): string =>
  (bytes as unknown as Latin1Buffer).latin1Slice(from, to)

/** The reverse of {@link latin1}, into a buffer with enough room. */
export const writeLatin1 = (bytes: Buffer, text: string, at: number): number =>
  (bytes as unknown as Latin1Buffer).latin1Write(text, at, text.length)

/** Receives the results of the writes of a {@link HandleWriter}. No method is called from inside a `write`. */
export interface WriteListener {
  /** No bytes are pending any more. */
  written(): void
  /** The system has taken the oldest pending write. */
  taken?(): void
  failed(error: Error): void
}

/**
 * Writes to the handle of a socket and bypasses the socket's own queue, which creates eight objects and two ticks for
 * each write. A proxy does little else than write. Order is preserved as long as nothing waits in that queue: the
 * system has one queue for both, and the end of the socket (`end()`) takes its place in it.
 */
export class HandleWriter {
  /** Bytes that the system has not taken yet. */
  pendingBytes = 0
  readonly #handle: SocketHandle
  readonly #listener: WriteListener

  constructor(handle: SocketHandle, listener: WriteListener) {
    this.#handle = handle
    this.#listener = listener
  }

  /**
   * Writes Latin-1 text, or bytes that do not change until they are sent. Returns the error if the write fails at once.
   */
  write(data: string | Buffer): Error | undefined {
    const { WriteWrap, streamBaseState, kBytesWritten, kLastWriteWasAsync } = binding as StreamBinding
    const request = (spare ??= new WriteWrap())
    const status =
      typeof data === 'string'
        ? this.#handle.writeLatin1String(request, data)
        : this.#handle.writeBuffer(request, data)
    if (status !== 0) {
      spare = undefined
      return writeError(status)
    }
    // If Node reports something unexpected, later sockets use the public way.
    if (streamBaseState[kBytesWritten] !== data.length) trusted = false
    if (streamBaseState[kLastWriteWasAsync] !== 0) this.#wait(request, data)
    return undefined
  }

  #wait(request: WriteRequest, data: string | Buffer): void {
    spare = undefined
    const { length } = data
    this.pendingBytes += length
    if (typeof data !== 'string') request.buffer = data
    request.oncomplete = (status) => {
      request.buffer = undefined
      this.pendingBytes -= length
      this.#listener.taken?.()
      if (status < 0) this.#listener.failed(writeError(status))
      else if (this.pendingBytes === 0) this.#listener.written()
    }
  }
}

/** Returns a writer for an open socket; undefined if the socket must be written to through `Socket.write`. */
export function handleWriter(socket: Socket, listener: WriteListener): HandleWriter | undefined {
  if (!trusted || !handleWrites.wanted) return undefined
  const handle: Partial<SocketHandle> | undefined = handleOf(socket)
  if (typeof handle?.writeLatin1String !== 'function' || typeof handle.writeBuffer !== 'function')
    return undefined
  return new HandleWriter(handle as SocketHandle, listener)
}

function writeError(status: number): Error {
  const code = getSystemErrorName(status)
  return Object.assign(new Error(`write ${code}`), { errno: status, code, syscall: 'write' })
}

// Node deprecates `process.binding` in its documentation only, and warns only if asked to (--pending-deprecation).
function loadBinding(): StreamBinding | undefined {
  const { noDeprecation } = process
  process.noDeprecation = true
  try {
    const found = (
      process as unknown as { binding(name: string): Partial<StreamBinding> | undefined }
    ).binding('stream_wrap')
    const { WriteWrap, streamBaseState, kBytesWritten, kLastWriteWasAsync } = found ?? {}
    const known =
      typeof WriteWrap === 'function' &&
      streamBaseState instanceof Int32Array &&
      streamBaseState[kBytesWritten ?? -1] !== undefined &&
      streamBaseState[kLastWriteWasAsync ?? -1] !== undefined
    return known ? (found as StreamBinding) : undefined
  } catch {
    return undefined
  } finally {
    process.noDeprecation = noDeprecation
  }
}
