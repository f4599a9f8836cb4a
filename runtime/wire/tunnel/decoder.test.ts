import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseTarget, type StreamTarget } from './control.ts'
import { FrameDecoder } from './decoder.ts'
import {
  decodeFrames,
  encodeControl,
  encodeFrame,
  encodeOpen,
  encodeReset,
  encodeWindow,
  type FrameSink,
} from './frame.ts'

type Seen = [name: string, ...fields: unknown[]]

/** Records what a sink gets. Data of one frame that arrives in parts counts as one. */
class Log implements FrameSink {
  readonly seen: Seen[] = []
  open(stream: number, target: StreamTarget): void {
    this.seen.push(['open', stream, target])
  }
  accept(stream: number): void {
    this.seen.push(['accept', stream])
  }
  data(stream: number, payload: Buffer): void {
    const last = this.seen.at(-1)
    if (last?.[0] === 'data' && last[1] === stream)
      last[2] = `${String(last[2])}${payload.toString('latin1')}`
    else this.seen.push(['data', stream, payload.toString('latin1')])
  }
  window(stream: number, credit: number): void {
    this.seen.push(['window', stream, credit])
  }
  end(stream: number): void {
    this.seen.push(['end', stream])
  }
  reset(stream: number, code: string, text: string): void {
    this.seen.push(['reset', stream, code, text])
  }
  control(payload: Buffer): void {
    this.seen.push(['control', payload.toString()])
  }
}

function inParts(message: Buffer, cuts: readonly number[]): { seen: Seen[]; failed: boolean } {
  const log = new Log()
  const decoder = new FrameDecoder(log, parseTarget)
  try {
    let at = 0
    for (const cut of [...cuts, message.length]) {
      const to = Math.min(message.length, at + cut)
      // Memory that the next read overwrites.
      const part = Buffer.concat([Buffer.from('before'), message.subarray(at, to), Buffer.from('after')])
      if (to > at) decoder.push(part, 6, 6 + to - at)
      part.fill(0)
      at = to
    }
    decoder.end()
    return { seen: log.seen, failed: false }
  } catch {
    return { seen: log.seen, failed: true }
  }
}

function atOnce(message: Buffer): { seen: Seen[]; failed: boolean } {
  const log = new Log()
  try {
    decodeFrames(message, log)
    return { seen: log.seen, failed: false }
  } catch {
    return { seen: log.seen, failed: true }
  }
}

const id = fc.integer({ min: 1, max: 6 })
const frame = fc.oneof(
  id.map((stream) => encodeOpen(stream, { environment: 'alice', service: 'web', port: 80 })),
  id.map((stream) => encodeFrame('accept', stream)),
  fc
    .tuple(id, fc.uint8Array({ minLength: 1, maxLength: 300 }))
    .map(([stream, data]) => encodeFrame('data', stream, data)),
  id.map((stream) => encodeWindow(stream, 1000)),
  id.map((stream) => encodeFrame('end', stream)),
  id.map((stream) => encodeReset(stream, 'timeout', 'too slow')),
  fc.string({ maxLength: 200 }).map((reason) => encodeControl({ type: 'goaway', reason })),
)
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 100 })

describe('a message that arrives in parts', () => {
  test('is decoded like a whole one, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, places) => {
        const message = Buffer.concat(frames)
        const expected = atOnce(message)
        expect(expected.failed).toBe(false)
        expect(inParts(message, places)).toEqual(expected)
      }),
    )
  })

  test('is refused exactly if a whole one is, after the same frames', () => {
    const broken = fc.tuple(fc.array(frame, { maxLength: 4 }), fc.uint8Array({ maxLength: 24 }), fc.nat(400))
    fc.assert(
      fc.property(broken, cuts, ([frames, garbage, length], places) => {
        const message = Buffer.concat([...frames, garbage]).subarray(0, length)
        const expected = atOnce(message)
        const actual = inParts(message, places)
        expect(actual.failed).toBe(expected.failed)
        // The beginning of a DATA frame that never ends may have arrived.
        expect(withoutData(actual.seen)).toEqual(withoutData(expected.seen))
      }),
      { numRuns: 500 },
    )
  })

  test('never makes the receiver copy a long frame for each byte of it', () => {
    const message = encodeControl({ type: 'goaway', reason: 'x'.repeat(1_000_000) })
    const places = Array.from({ length: 2_000 }, () => 1)
    expect(inParts(message, places)).toEqual(atOnce(message))
  })
})

const withoutData = (seen: readonly Seen[]): Seen[] => seen.filter(([name]) => name !== 'data')
