import type { Socket } from 'node:net'

/**
 * Receives the events of a {@link Transport}. One object receives all of them, and another one may replace it at any
 * time (a pooled connection, an upgrade). A call to the transport never triggers an event before it returns, unless the
 * method says so.
 */
export interface Receiver {
  /** The connection to the peer is open. Only a dialled transport sends this event, before every other. */
  onOpen(): void
  /**
   * Bytes from the peer. The view is valid only during this call, because the next read of any connection reuses the
   * buffer, unless {@link Transport.stable} is true. Never called while the transport is paused.
   */
  onData(data: Buffer): void
  /** The peer sends nothing more (a FIN). We may still send. */
  onEnd(): void
  /**
   * The peer has ended its direction while the transport is paused and some of its bytes are unread: it may have left.
   * After a resume, `onData` and `onEnd` follow as usual. Only sockets on Linux send this event, some seconds late.
   */
  onEndUnread?(): void
  /** There is room again, after a `write` that returned false. */
  onDrain(): void
  /**
   * True if bytes from the peer are still wanted after a write to it has failed, such as a response that an app sends
   * before the end of its request. `write` then drops its data, and `onClose` follows after the last byte has been
   * read. If it is false, a failed write closes the transport. Default: false.
   */
  readonly readsOn?: boolean
  /** The last event, exactly once: both directions are over. There is an error if they did not end normally. */
  onClose(error?: Error): void
}

/** A stream of bytes to and from one peer: a TCP socket or a stream of a tunnel. */
export interface Transport {
  /** Receives the events. Set it before the first event: in the tick that created the transport. */
  receiver: Receiver
  /** True once the connection to the peer is open. An accepted transport is open from the start. */
  readonly opened: boolean
  /** True after `onClose` or `destroy`. */
  readonly closed: boolean
  /** True if the views that `onData` gets are never overwritten, so that a writer need not copy them. */
  readonly stable: boolean
  /** True if the peer takes no new work. Running work continues. Default: false. */
  readonly retiring?: boolean
  /** The peer's address, if known (IPv4-mapped IPv6 as IPv4). */
  readonly remoteAddress: string | undefined
  /** Bytes that `write` has accepted and the system has not taken yet. */
  readonly pendingBytes: number

  /**
   * Sends bytes, or a string of Latin-1 characters (one byte each). What cannot be sent at once is copied before this
   * returns, unless `stable` says that the bytes will not change. Returns false if the writer should wait for
   * `onDrain`; the bytes are accepted in any case. Ignored after a close or an end.
   */
  write(data: Buffer | string, stable?: boolean): boolean
  /** Like two writes, in one packet and system call if possible. */
  writeBoth(text: string, data: Buffer, stable?: boolean): boolean
  /** Stops `onData` and `onEnd` until `resume`. Nothing is read, so the peer's writes slow down. */
  pause(): void
  resume(): void
  /** Sends pending bytes, then the end of our direction (a FIN). */
  end(): void
  /** Ends both directions now; with an error, as an abort that the peer sees (a RST). `onClose` follows. */
  destroy(error?: Error): void
  /**
   * Returns the underlying socket, for a protocol that Node itself implements; undefined if there is none or it is not
   * open. Afterwards the transport neither sends nor delivers anything.
   */
  takeSocket?(): Socket | undefined
}

/** A receiver that ignores all events: the initial value of {@link Transport.receiver}. */
export const IGNORE: Receiver = {
  onOpen: () => {},
  onData: () => {},
  onEnd: () => {},
  onDrain: () => {},
  onClose: () => {},
}

/** Writes a text, bytes, or both at once. Returns what {@link Transport.write} returns. */
export function writeParts(to: Transport, text: string, data: Buffer | undefined, stable: boolean): boolean {
  if (data === undefined) return to.write(text)
  return text === '' ? to.write(data, stable) : to.writeBoth(text, data, stable)
}

/** A destination of connections, and the key of its pool. */
export interface Upstream {
  /** Connections with the same key are interchangeable, for example `10.1.2.3:25001`. */
  readonly key: string
  /**
   * Starts a connection and returns at once. The transport later calls `onOpen` when it is connected, or `onClose` with
   * the reason. It calls neither before this returns.
   */
  dial(): Transport
}
