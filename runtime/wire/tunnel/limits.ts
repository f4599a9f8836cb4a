/** The WebSocket subprotocol between relay and cluster; another version is another name. */
export const TUNNEL_SUBPROTOCOL = 'branchline.tunnel.v1'

/** Octets before each frame's payload: type (1), length of the payload (3), stream (4), big-endian. */
export const FRAME_HEADER_LENGTH = 8
/** The most octets of one DATA frame. */
export const MAX_DATA_LENGTH = 64 * 1024
/** The most octets of what an OPEN frame wants. */
export const MAX_OPEN_LENGTH = 1024
/** The most octets of a RESET frame: the code and its text. */
export const MAX_RESET_LENGTH = 512
/** The most octets of one control message. */
export const MAX_CONTROL_LENGTH = 4 * 1024 * 1024
/** The most octets of one WebSocket message; a larger one closes the connection with 1009 (RFC 6455). */
export const MAX_TUNNEL_MESSAGE = MAX_CONTROL_LENGTH + 256 * 1024

/** The credit, in octets, that each direction of a stream starts with. */
export const INITIAL_WINDOW = 64 * 1024
/** The most credit that a direction of a stream may hold: more closes the connection. */
export const MAX_WINDOW = 1024 * 1024
/** The most streams that one peer may have opened at a time; one more is reset with `refused`. */
export const MAX_STREAMS = 2048
/** The highest stream id. A peer that has used up its ids takes a new connection. */
export const MAX_STREAM_ID = 0x7fff_ffff

/** Why a stream was reset: the number on the wire. Readers take numbers that they do not know as `internal`. */
export const RESET_CODES = {
  /** The one who resets wants no more. */
  cancel: 1,
  /** Too many streams, or no new ones any more. */
  refused: 2,
  /** No such environment, service or port. */
  unknown: 3,
  /** The service is there, and none of its endpoints is ready. */
  unavailable: 4,
  /** No endpoint took the connection. */
  connect: 5,
  /** The connection behind the stream broke. */
  broken: 6,
  /** Something took longer than its limit. */
  timeout: 7,
  /** A fault of the peer's own. */
  internal: 8,
  /** The target is not one that the cluster has registered. */
  forbidden: 9,
} as const
export type ResetCode = keyof typeof RESET_CODES

/** Close codes of the WebSocket (RFC 6455, 7.4.2: 4000 to 4999 are private). */
export const CLOSE_CODES = {
  /** A frame that is not of this protocol. */
  protocol: 4002,
  /** More data than there was credit for. */
  flow: 4003,
  /** No answer to a ping, or no registration in time. */
  timeout: 4004,
  /** Another connection of the same cluster and instance took over. */
  replaced: 4005,
  /** The credential is not that of the cluster that it registers as. */
  forbidden: 4006,
  /** The credential has as many clusters, or the cluster as many connections, as the relay allows. */
  full: 4007,
} as const
export type CloseReason = keyof typeof CLOSE_CODES
