/** The WebSocket subprotocol between relay and cluster. Another version has another name. */
export const TUNNEL_SUBPROTOCOL = 'branchline.tunnel.v1'

/** Bytes before each frame's payload: type (1), length of the payload (3), stream (4), big-endian. */
export const FRAME_HEADER_LENGTH = 8
/** The largest payload of a DATA frame, in bytes. */
export const MAX_DATA_LENGTH = 64 * 1024
/** The largest payload of an OPEN frame, in bytes. */
export const MAX_OPEN_LENGTH = 1024
/** The largest payload of a RESET frame, in bytes: the code and its text. */
export const MAX_RESET_LENGTH = 512
/** The largest control message, in bytes. */
export const MAX_CONTROL_LENGTH = 4 * 1024 * 1024
/** The largest WebSocket message, in bytes. A larger one closes the connection with 1009 (RFC 6455). */
export const MAX_TUNNEL_MESSAGE = MAX_CONTROL_LENGTH + 256 * 1024

/** The initial credit of each direction of a stream, in bytes. */
export const INITIAL_WINDOW = 64 * 1024
/** The largest credit of a direction of a stream, in bytes. More closes the connection. */
export const MAX_WINDOW = 1024 * 1024
/** The largest number of streams that one peer has open at a time. One more is reset with `refused`. */
export const MAX_STREAMS = 2048
/** The highest stream id. A peer that has used all its ids opens a new connection. */
export const MAX_STREAM_ID = 0x7fff_ffff

/** Reasons of a reset, as numbers on the wire. A reader treats an unknown number as `internal`. */
export const RESET_CODES = {
  /** The sender of the reset does not need the stream any longer. */
  cancel: 1,
  /** Too many streams, or the sender accepts no new streams. */
  refused: 2,
  /** No such environment, service or port. */
  unknown: 3,
  /** The service exists, but none of its endpoints is ready. */
  unavailable: 4,
  /** No endpoint accepted the connection. */
  connect: 5,
  /** The connection behind the stream broke. */
  broken: 6,
  /** A limit of time was exceeded. */
  timeout: 7,
  /** An internal fault of the peer. */
  internal: 8,
  /** The target is not the target of a preview of the cluster. */
  forbidden: 9,
} as const
export type ResetCode = keyof typeof RESET_CODES

/** Close codes of the WebSocket (RFC 6455, 7.4.2: 4000 to 4999 are private). */
export const CLOSE_CODES = {
  /** A frame that is not of this protocol. */
  protocol: 4002,
  /** More data than credit, or more credit than allowed. */
  flow: 4003,
  /** No response to a ping, or no registration in time. */
  timeout: 4004,
  /** Another connection of the same cluster and instance replaced this one. */
  replaced: 4005,
  /** The credential does not belong to the cluster that it registers. */
  forbidden: 4006,
  /** The credential has as many clusters, or the cluster as many connections, as the relay allows. */
  full: 4007,
} as const
export type CloseReason = keyof typeof CLOSE_CODES
