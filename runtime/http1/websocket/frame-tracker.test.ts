import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameTracker } from './frame-tracker.ts'
import { closeFrame } from './websocket.ts'

/** Returns a frame as RFC 6455, 5.2 defines it. */
function frame(opcode: number, length: number, { fin = true, masked = false, wide = 0 } = {}): Buffer {
  const first = (fin ? 0x80 : 0) | opcode
  const mask = masked ? Buffer.from([1, 2, 3, 4]) : Buffer.alloc(0)
  const bit = masked ? 0x80 : 0
  const size = Math.max(wide, length > 0xffff ? 8 : length > 125 ? 2 : 0)
  const long = Buffer.alloc(size)
  if (size === 8) long.writeBigUInt64BE(BigInt(length))
  else if (size === 2) long.writeUInt16BE(length)
  const short = size === 8 ? 127 : size === 2 ? 126 : length
  return Buffer.concat([Buffer.from([first, bit | short]), long, mask, Buffer.alloc(length, 0x88)])
}

const someFrames = fc.boolean().chain((masked) =>
  fc.record({
    masked: fc.constant(masked),
    frames: fc.array(
      fc.oneof(
        fc
          .record({
            opcode: fc.constantFrom(0, 1, 2),
            length: fc.oneof(fc.nat({ max: 130 }), fc.constantFrom(0, 125, 126, 0xffff, 0x1_0000)),
            fin: fc.boolean(),
            // A longer encoding than necessary: a sender must not use it, and the tracker does not lose its place.
            wide: fc.constantFrom(0, 0, 2, 8),
          })
          .map(({ opcode, length, fin, wide }) => frame(opcode, length, { fin, masked, wide })),
        fc
          .record({ opcode: fc.constantFrom(9, 10), length: fc.nat({ max: 125 }) })
          .map(({ opcode, length }) => frame(opcode, length, { masked })),
      ),
      { maxLength: 6 },
    ),
    cuts: fc.array(fc.nat({ max: 300 }), { maxLength: 20 }),
  }),
)

function* pieces(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
  let at = 0
  for (let index = 0; at < bytes.length; index++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[index % sizes.length] as number) + 1
    yield bytes.subarray(at, (at += size))
  }
}

test('it is between frames exactly where one has ended, for any split', () => {
  fc.assert(
    fc.property(someFrames, ({ masked, frames, cuts }) => {
      const bytes = Buffer.concat(frames)
      let sum = 0
      const ends = new Set([0, ...frames.map((it) => (sum += it.length))])
      const tracker = new FrameTracker(masked)
      let at = 0
      for (const piece of pieces(bytes, cuts)) {
        expect(tracker.follow(piece)).toBe(piece.length)
        at += piece.length
        expect([at, tracker.between]).toEqual([at, ends.has(at)])
      }
      expect([tracker.lost, tracker.closing]).toEqual([false, false])
    }),
    { numRuns: 150 },
  )
})

test('split at every byte, it stops at the end of the current frame', () => {
  for (const masked of [false, true]) {
    const bytes = Buffer.concat([
      frame(1, 3, { masked, fin: false }),
      frame(9, 2, { masked }),
      frame(0, 200, { masked }),
      frame(2, 0x1_0000, { masked }),
      frame(2, 0, { masked }),
    ])
    const header = masked ? 6 : 2
    const ends = [0, header + 3, 2 * header + 5, 3 * header + 207]
    for (let cut = 0; cut <= (ends.at(-1) as number); cut++) {
      const tracker = new FrameTracker(masked)
      tracker.follow(bytes.subarray(0, cut))
      const end = cut + tracker.follow(bytes.subarray(cut), true)
      expect([cut, end]).toEqual([cut, ends.find((it) => it >= cut)])
      expect(tracker.between).toBe(true)
    }
  }
})

test.each([
  ['a mask where none belongs', false, [0x81, 0x80]],
  ['no mask where one belongs', true, [0x81, 0x00]],
  ['an unassigned opcode', false, [0x83]],
  ['a control frame in fragments', false, [0x09]],
  ['a control frame that is too long', false, [0x89, 126]],
  ['a length of more than 2^53', false, [0x82, 127, 0, 0x20, 0, 0, 0, 0, 0, 1]],
  ['a length whose first bit is set', false, [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]],
])('%s makes it lose its place permanently, and it accepts what follows', (_, masked, bytes) => {
  const tracker = new FrameTracker(masked)
  for (const byte of bytes) tracker.follow(Buffer.from([byte]))
  expect([tracker.lost, tracker.between]).toEqual([true, false])
  expect(tracker.follow(frame(1, 3), true)).toBe(5)
  expect(tracker.between).toBe(false)
})

test('it accepts any bytes, and never reports a frame boundary once it has lost its place', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
      (masked, views) => {
        const tracker = new FrameTracker(masked)
        for (const view of views) {
          expect(tracker.follow(Buffer.from(view))).toBe(view.length)
          expect(tracker.lost && tracker.between).toBe(false)
        }
      },
    ),
    { numRuns: 1_000 },
  )
})

test('a Close frame is seen at its first byte', () => {
  const tracker = new FrameTracker(false)
  tracker.follow(Buffer.from([0x88]))
  expect(tracker.closing).toBe(true)
})

test('our Close frame has status 1001, is masked from a client, and keeps the place', () => {
  expect(closeFrame(false)).toEqual(Buffer.from([0x88, 0x02, 0x03, 0xe9]))
  const masked = closeFrame(true)
  expect([...masked.subarray(0, 2)]).toEqual([0x88, 0x82])
  const payload = [...masked.subarray(6)].map((byte, index) => byte ^ (masked[2 + index] as number))
  expect(payload).toEqual([0x03, 0xe9])
  expect(closeFrame(true).equals(closeFrame(true)) && closeFrame(true).equals(masked)).toBe(false)
  for (const isMasked of [false, true]) {
    const tracker = new FrameTracker(isMasked)
    tracker.follow(closeFrame(isMasked))
    expect([tracker.between, tracker.lost]).toEqual([true, false])
  }
})
