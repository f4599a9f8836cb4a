import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyMask, FrameReader } from './reader.ts'

interface Frame {
  readonly head: number
  readonly masked: boolean
  readonly mask: Uint8Array
  readonly payload: Uint8Array
}

/** Encodes a frame of RFC 6455 (5.2), byte by byte. */
function encode({ head, masked, mask, payload }: Frame): Buffer {
  const { length } = payload
  const bit = masked ? 0x80 : 0
  const size =
    length < 126 ? [bit | length] : length < 65_536 ? [bit | 126, length >> 8, length & 255] : undefined
  const long = Buffer.alloc(9)
  long[0] = bit | 127
  long.writeUInt32BE(length, 5)
  const body = payload.map((byte, index) => (masked ? byte ^ (mask[index & 3] as number) : byte))
  return Buffer.concat([
    Buffer.from([head]),
    Buffer.from(size ?? long),
    masked ? mask : Buffer.alloc(0),
    body,
  ])
}

/** What a reader finds in bytes that arrive in parts of these lengths. */
function read(
  bytes: Buffer,
  cuts: readonly number[],
  masked: boolean,
): { messages: string[]; other: string } {
  const messages: string[] = []
  let message = ''
  let other = ''
  const reader = new FrameReader(
    {
      part: (part, from, to) => (message += part.toString('latin1', from, to)),
      end: () => {
        messages.push(message)
        message = ''
      },
      other: (part) => (other += part.toString('latin1')),
    },
    { masked, maxLength: 100_000 },
  )
  let at = 0
  for (const cut of [...cuts, bytes.length]) {
    reader.push(Buffer.from(bytes.subarray(at, at + cut)))
    at = Math.min(bytes.length, at + cut)
  }
  return { messages, other }
}

const length = fc.oneof(
  fc.nat(10),
  fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000),
  fc.constant(100_001),
)
const arbitrary: fc.Arbitrary<Frame> = fc.record({
  // A binary message, a fragment, a continuation, a text, a ping, a close, and one with a reserved bit.
  head: fc.constantFrom(0x82, 0x82, 0x82, 0x02, 0x80, 0x81, 0x89, 0x88, 0xc2),
  masked: fc.boolean(),
  mask: fc.oneof(fc.constant(new Uint8Array(4)), fc.uint8Array({ minLength: 4, maxLength: 4 })),
  payload: length.map((bytes) => Uint8Array.from({ length: bytes }, (_, index) => index * 7)),
})

describe('a reader of frames', () => {
  test('finds binary messages, and passes every byte of all other frames on, wherever they are cut', () => {
    const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })), {
      maxLength: 40,
    })
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 6 }), cuts, fc.boolean(), (frames, places, masked) => {
        const isOurs = (frame: Frame): boolean =>
          frame.head === 0x82 && frame.masked === masked && frame.payload.length <= 100_000
        const { messages, other } = read(Buffer.concat(frames.map(encode)), places, masked)
        const wanted = frames.filter(isOurs).map(({ payload }) => Buffer.from(payload).toString('latin1'))
        const rest = frames.filter((frame) => !isOurs(frame)).map((frame) => encode(frame))
        expect(messages.length).toBe(wanted.length)
        expect(messages.every((message, index) => message === wanted[index])).toBe(true)
        expect(other === Buffer.concat(rest).toString('latin1')).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('reads the masked “Hello” of RFC 6455, 5.7, as a binary message', () => {
    const bytes = Buffer.from([0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58])
    expect(read(bytes, [1, 1, 5], true)).toEqual({ messages: ['Hello'], other: '' })
  })
})

test('a mask is applied at any place, in any pieces, as byte by byte', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat(80),
      fc.nat(7),
      (payload, mask, cut, before) => {
        const bytes = Buffer.concat([Buffer.alloc(before), payload])
        const middle = Math.min(bytes.length, before + cut)
        const next = applyMask(bytes, before, middle, Buffer.from(mask), 0)
        applyMask(bytes, middle, bytes.length, Buffer.from(mask), next)
        const expected = payload.map((byte, index) => byte ^ (mask[index & 3] as number))
        expect(bytes.subarray(before)).toEqual(Buffer.from(expected))
      },
    ),
  )
})
