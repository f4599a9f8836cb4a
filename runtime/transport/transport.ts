import type { Socket } from 'node:net'

/**
 * What happens on a {@link Transport}. One object receives all of it; it may be replaced at any time (a
 * pooled connection, an upgrade). No event is delivered from inside a call of the receiver's owner to the
 * transport, except where a method says so.
 */
export interface Receiver {
  /** The peer is reached; only on a transport that was dialled, and before every other event. */
  onOpen(): void
  /**
   * Bytes from the peer. The view is valid during this call alone (the buffer is reused by the next read of
   * any connection), unless {@link Transport.stable} is true. Never called while the transport is paused.
   */
  onData(data: Buffer): void
  /** The peer sends nothing more (a FIN); we may still send. */
  onEnd(): void
  /**
   * The peer sends nothing more, while the transport is paused and bytes of it are not read yet: it may have left.
   * `onData` and `onEnd` follow as ever once it is resumed. Told some seconds late, by sockets on Linux alone.
   */
  onEndUnread?(): void
  /** There is room again, after a `write` that returned false. */
  onDrain(): void
  /**
   * True where what the peer has sent is still wanted once writing to it has failed, as an app's response is that
   * has come before the end of its request. `write` then drops what it is given, and `onClose` follows the end of
   * what can be read. Otherwise a failed write closes the transport. Default: false.
   */
  readonly readsOn?: boolean
  /** The last event, exactly once: both directions are over; an error where it was not in peace. */
  onClose(error?: Error): void
}

/** A stream of bytes to one peer, both ways: a TCP socket, or a stream of a tunnel. */
export interface Transport {
  /** Whom events go to. Set before the first event: in the same tick in which the transport was made. */
  receiver: Receiver
  /** True once the peer is reached; an accepted transport is open from the start. */
  readonly opened: boolean
  /** True after `onClose`, or after `destroy`. */
  readonly closed: boolean
  /** True where the views that `onData` gets are never overwritten, so that a writer need not copy them. */
  readonly stable: boolean
  /** True where the peer takes no new work: what runs goes on, and nothing more is begun. Default: false. */
  readonly retiring?: boolean
  /** The peer's address, where it is known (IPv4-mapped IPv6 as IPv4). */
  readonly remoteAddress: string | undefined
  /** Bytes that `write` has taken and the system has not. */
  readonly pendingBytes: number

  /**
   * Sends bytes, or a string of Latin-1 characters (one octet each). Whatever cannot be sent at once is
   * copied before this returns, unless `stable` says that the bytes will not change. Returns false where
   * the writer should wait for `onDrain`; the bytes are taken in any case. Ignored once closed or ended.
   */
  write(data: Buffer | string, stable?: boolean): boolean
  /** As two writes, in one packet and system call where that is possible. */
  writeBoth(text: string, data: Buffer, stable?: boolean): boolean
  /** No `onData` and no `onEnd` from now on, until `resume`. The peer feels it: nothing is read meanwhile. */
  pause(): void
  resume(): void
  /** Sends what is pending, then the end of our direction (a FIN). */
  end(): void
  /** Ends both directions now; with an error as an abort that the peer can see (a RST). `onClose` follows. */
  destroy(error?: Error): void
  /**
   * The socket beneath, for a protocol that Node speaks itself; only where there is one and it is open. The
   * transport neither hears nor says anything from then on.
   */
  takeSocket?(): Socket | undefined
}

/** A receiver that ignores everything: the starting value of {@link Transport.receiver}. */
export const IGNORE: Receiver = {
  onOpen: () => {},
  onData: () => {},
  onEnd: () => {},
  onDrain: () => {},
  onClose: () => {},
}

/** Writes a text, bytes, or both in one go; returns what {@link Transport.write} does. */
export function writeParts(to: Transport, text: string, data: Buffer | undefined, stable: boolean): boolean {
  if (data === undefined) return to.write(text)
  return text === '' ? to.write(data, stable) : to.writeBoth(text, data, stable)
}

/** Where connections lead, and under which name they are pooled. */
export interface Upstream {
  /** Connections of one key are interchangeable; e.g. `10.1.2.3:25001`. */
  readonly key: string
  /**
   * Begins a connection and returns at once. The transport calls `onOpen` when the peer is reached, or
   * `onClose` with the reason; both never before this has returned.
   */
  dial(): Transport
}
