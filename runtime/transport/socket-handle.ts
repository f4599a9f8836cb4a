import { fstatSync } from 'node:fs'
import type { Socket } from 'node:net'

/**
 * What is private to Node and used here all the same, in this file alone: a socket's handle, and the requests
 * by which one writes to it. Both have been as they are since 2018; each assumption is checked before it is
 * relied upon, and where one fails the public way is taken, by `Socket.write`.
 */
export interface SocketHandle {
  writeLatin1String(request: WriteRequest, text: string): number
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number
}

interface WriteRequest {
  oncomplete: ((status: number) => void) | undefined
  /** Whatever the system reads from while the write is pending. */
  buffer: Uint8Array | undefined
}

interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest
  /** Of the call before: how many octets it took, whether some of them are pending. */
  readonly streamBaseState: Int32Array
  readonly kBytesWritten: number
  readonly kLastWriteWasAsync: number
}

/** Whether sockets are written to by their handles; tests turn it off. */
export const handleWrites = { wanted: true }

// An import would read all exports of the module, those too that are made when they are read.
const { getSystemErrorName } = process.getBuiltinModule('node:util')
const binding = loadBinding()
let trusted = binding !== undefined
/** A request that no write has kept: one for all, until a write is pending. */
let spare: WriteRequest | undefined

/** The handle of a socket that has one. */
export function handleOf(socket: Socket): object | undefined {
  const handle = (socket as unknown as { _handle: unknown })._handle
  return typeof handle === 'object' && handle !== null ? handle : undefined
}

/** The number of a socket's inode; undefined where it is closed, or this Node does not tell (private as well). */
export function inodeOf(socket: Socket): number | undefined {
  const { fd } = (handleOf(socket) ?? {}) as { fd?: unknown }
  if (typeof fd !== 'number' || fd < 0) return undefined
  try {
    return fstatSync(fd).ino
  } catch {
    return undefined
  }
}

/** Takes the handle away from its socket, which is of no use from then on. */
export function takeHandle(socket: Socket): object | undefined {
  const handle = handleOf(socket)
  if (handle === undefined || !('useUserBuffer' in handle)) return undefined
  ;(socket as unknown as { _handle: unknown })._handle = null
  return handle
}

/** Who is told how the writes of a {@link HandleWriter} went. Never from inside a `write`. */
export interface WriteListener {
  /** Nothing is pending any more. */
  written(): void
  failed(error: Error): void
}

/**
 * Writes to a socket's handle, past the queue of the socket's own: that makes eight objects and two ticks a
 * write, and a proxy does little else than to write. Order is kept as long as nothing waits in that queue: the
 * system has one queue for both, and the end of the socket (`end()`) takes its place in it.
 */
export class HandleWriter {
  /** Octets that the system has not taken yet. */
  pendingBytes = 0
  readonly #handle: SocketHandle
  readonly #listener: WriteListener

  constructor(handle: SocketHandle, listener: WriteListener) {
    this.#handle = handle
    this.#listener = listener
  }

  /** Latin-1 text, or octets that do not change until they are sent. Returns the error, where it failed at once. */
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
    // Where Node does not say what it did any more, the sockets that come are written to the public way.
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
      if (status < 0) this.#listener.failed(writeError(status))
      else if (this.pendingBytes === 0) this.#listener.written()
    }
  }
}

/** A writer to an open socket; undefined where that must be written to the public way. */
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

// `process.binding` is deprecated in the documentation alone, and says so only where it is asked to.
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
