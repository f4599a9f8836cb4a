import { Buffer } from 'node:buffer'
import { parseTarget, type StreamTarget } from './control.ts'
import { TunnelProtocolError } from './error.ts'
import {
  FRAME_HEADER_LENGTH,
  MAX_CONTROL_LENGTH,
  MAX_DATA_LENGTH,
  MAX_OPEN_LENGTH,
  MAX_RESET_LENGTH,
  MAX_STREAM_ID,
  MAX_WINDOW,
  RESET_CODES,
  type ResetCode,
} from './limits.ts'

/** The frame types on the wire. */
export const FRAME_TYPES = { open: 1, accept: 2, data: 3, window: 4, end: 5, reset: 6, control: 7 } as const
export type FrameType = keyof typeof FRAME_TYPES

/** Receives decoded frames in the order of arrival. Payloads are views into the message. */
export interface FrameSink<T = StreamTarget> {
  /** The peer opens a stream to a target. */
  open(stream: number, target: T): void
  /** The peer reached the target of a stream that this side opened. */
  accept(stream: number): void
  data(stream: number, payload: Buffer): void
  /** This side may send `credit` more bytes on the stream. */
  window(stream: number, credit: number): void
  /** The peer sends no more data on the stream, but still reads. */
  end(stream: number): void
  /** The stream is over in both directions. */
  reset(stream: number, code: ResetCode, text: string): void
  /** A control message: JSON that the connection's owner parses. */
  control(payload: Buffer): void
}

/** Parses the payload of an OPEN frame. Throws a {@link TunnelProtocolError}. */
export type ReadTarget<T> = (payload: Uint8Array) => T

/**
 * Decodes a binary message of one or more whole frames into a sink. Throws a {@link TunnelProtocolError} at the first
 * invalid frame, after the sink has received the frames before it. `readTarget` parses what streams are opened to.
 * Default: {@link parseTarget}.
 */
export function decodeFrames(message: Buffer, sink: FrameSink): void
export function decodeFrames<T>(message: Buffer, sink: FrameSink<T>, readTarget: ReadTarget<T>): void
export function decodeFrames(
  message: Buffer,
  sink: FrameSink<unknown>,
  readTarget: ReadTarget<unknown> = parseTarget,
): void {
  let at = 0
  while (at < message.length) {
    if (message.length - at < FRAME_HEADER_LENGTH) throw invalid('a frame ends within its header')
    const head = message.readUInt32BE(at)
    const type = head >>> 24
    const length = head & 0xff_ffff
    const stream = message.readUInt32BE(at + 4)
    at += FRAME_HEADER_LENGTH
    if (message.length - at < length) throw invalid('a frame ends within its payload')
    dispatch(type, stream, message.subarray(at, at + length), sink, readTarget)
    at += length
  }
}

function dispatch(
  type: number,
  stream: number,
  payload: Buffer,
  sink: FrameSink<unknown>,
  readTarget: ReadTarget<unknown>,
): void {
  if (stream > MAX_STREAM_ID) throw invalid(`stream ${stream}: over ${MAX_STREAM_ID}`)
  if ((stream === 0) !== (type === FRAME_TYPES.control)) {
    throw invalid(`a frame of type ${type} on stream ${stream}`)
  }
  switch (type) {
    case FRAME_TYPES.open:
      bound('OPEN', payload, 1, MAX_OPEN_LENGTH)
      return sink.open(stream, readTarget(payload))
    case FRAME_TYPES.accept:
      bound('ACCEPT', payload, 0, 0)
      return sink.accept(stream)
    case FRAME_TYPES.data:
      bound('DATA', payload, 1, MAX_DATA_LENGTH)
      return sink.data(stream, payload)
    case FRAME_TYPES.window:
      bound('WINDOW', payload, 4, 4)
      return sink.window(stream, readCredit(payload))
    case FRAME_TYPES.end:
      bound('END', payload, 0, 0)
      return sink.end(stream)
    case FRAME_TYPES.reset:
      bound('RESET', payload, 2, MAX_RESET_LENGTH)
      return sink.reset(stream, resetName(payload.readUInt16BE(0)), payload.toString('utf8', 2))
    case FRAME_TYPES.control:
      bound('CONTROL', payload, 2, MAX_CONTROL_LENGTH)
      return sink.control(payload)
    default:
      throw invalid(`frame type ${type} is not known`)
  }
}

/** Throws a {@link TunnelProtocolError} if no DATA frame may have this stream and length. */
export function checkData(stream: number, length: number): void {
  if (stream === 0 || stream > MAX_STREAM_ID) throw invalid(`a frame of type 3 on stream ${stream}`)
  if (length >= 1 && length <= MAX_DATA_LENGTH) return
  throw invalid(`DATA of ${length} bytes: wanted 1 to ${MAX_DATA_LENGTH}`)
}

function bound(name: string, payload: Buffer, min: number, max: number): void {
  if (payload.length >= min && payload.length <= max) return
  throw invalid(`${name} of ${payload.length} bytes: wanted ${min === max ? min : `${min} to ${max}`}`)
}

function readCredit(payload: Buffer): number {
  const credit = payload.readUInt32BE(0)
  if (credit > 0 && credit <= MAX_WINDOW) return credit
  throw new TunnelProtocolError('flow', `a credit of ${credit} bytes: wanted 1 to ${MAX_WINDOW}`)
}

const RESET_NAMES = new Map(Object.entries(RESET_CODES).map(([name, code]) => [code, name as ResetCode]))
const resetName = (code: number): ResetCode => RESET_NAMES.get(code as 1) ?? 'internal'

const invalid = (message: string): TunnelProtocolError => new TunnelProtocolError('protocol', message)

/** Writes a frame's header at an offset. The caller writes `length` bytes of payload after it. */
export function writeHeader(
  buffer: Buffer,
  offset: number,
  type: FrameType,
  stream: number,
  length: number,
): void {
  buffer.writeUInt32BE(((FRAME_TYPES[type] << 24) | length) >>> 0, offset)
  buffer.writeUInt32BE(stream, offset + 4)
}

/** Encodes a whole frame. */
export function encodeFrame(type: FrameType, stream: number, payload: Uint8Array = EMPTY): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_LENGTH + payload.length)
  writeHeader(frame, 0, type, stream, payload.length)
  frame.set(payload, FRAME_HEADER_LENGTH)
  return frame
}
const EMPTY = new Uint8Array(0)

/** Encodes an OPEN frame: a target of at most {@link MAX_OPEN_LENGTH} bytes of JSON. */
export const encodeOpen = (stream: number, target: object): Buffer =>
  encodeFrame('open', stream, Buffer.from(JSON.stringify(target)))

/** Encodes a WINDOW frame that grants `credit` bytes. */
export function encodeWindow(stream: number, credit: number): Buffer {
  const payload = Buffer.allocUnsafe(4)
  payload.writeUInt32BE(credit)
  return encodeFrame('window', stream, payload)
}

/** Encodes a RESET frame. Cuts the text at the limit. */
export function encodeReset(stream: number, code: ResetCode, text: string): Buffer {
  const words = Buffer.from(text).subarray(0, MAX_RESET_LENGTH - 2)
  const payload = Buffer.allocUnsafe(2 + words.length)
  payload.writeUInt16BE(RESET_CODES[code])
  payload.set(words, 2)
  return encodeFrame('reset', stream, payload)
}

/** Encodes a CONTROL frame. Throws a RangeError if the message exceeds the limit. */
export function encodeControl(message: object): Buffer {
  const payload = Buffer.from(JSON.stringify(message))
  if (payload.length <= MAX_CONTROL_LENGTH) return encodeFrame('control', 0, payload)
  throw new RangeError(`a control message of ${payload.length} bytes: at most ${MAX_CONTROL_LENGTH}`)
}
