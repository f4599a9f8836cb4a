import { describe, expect, test } from 'vitest'
import { TunnelProtocolError } from '@branchline/wire/tunnel/error'
import { encodeFrame, encodeOpen, encodeWindow } from '@branchline/wire/tunnel/frame'
import { INITIAL_WINDOW, MAX_WINDOW } from '@branchline/wire/tunnel/limits'
import { TunnelStreamError } from './errors.ts'
import { Pair, type Recorder, TARGET } from './fixture.ts'
import type { TunnelStream } from './stream.ts'

describe('a stream', () => {
  test('opens, carries bytes in both directions, and ends in both directions', async () => {
    const pair = new Pair()
    const { stream, recorder } = pair.open()
    expect(stream.write('hello')).toBe(true)
    await pair.settle()
    expect(recorder.opened).toBe(true)
    const [peer] = pair.accepted
    expect(peer?.stream.target).toEqual(TARGET)
    expect(peer?.recorder.text).toBe('hello')
    stream.end()
    peer?.stream.write('good')
    peer?.stream.write('bye')
    await pair.settle()
    expect(peer?.recorder).toMatchObject({ ended: true, closes: 0 })
    peer?.stream.end()
    await pair.settle()
    expect(recorder).toMatchObject({ text: 'goodbye', ended: true, closes: 1, error: undefined })
    expect(peer?.recorder).toMatchObject({ closes: 1, error: undefined })
    expect([pair.relay.size, pair.cluster.size]).toEqual([0, 0])
  })

  test('carries text as one byte per character, also if it is longer than a frame or waits for credit', async () => {
    const pair = new Pair()
    const { stream } = pair.open()
    await pair.settle()
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code))
    const texts = [all, '', all.repeat(300), all, all.repeat(1024), 'end']
    for (const text of texts) stream.write(text)
    await pair.settle()
    const arrived = pair.accepted[0]?.recorder.text ?? ''
    expect(arrived).toHaveLength(texts.join('').length)
    expect(arrived === texts.join('')).toBe(true)
  })

  test('is reset with a reason that its opener gets', async () => {
    const pair = new Pair()
    pair.onAccepted = (stream) => stream.reset('unknown', 'no service web in alice')
    const { recorder } = pair.open()
    await pair.settle()
    expect(recorder).toMatchObject({ opened: false, closes: 1 })
    expect(recorder.error).toBeInstanceOf(TunnelStreamError)
    expect(recorder.error).toMatchObject({ fault: 'unknown', code: 'BL_TUNNEL_UNKNOWN' })
    expect(recorder.error?.message).toBe('no service web in alice')
    expect(pair.cluster.size).toBe(0)
  })

  test('notifies its owner of nothing from inside a call', async () => {
    const pair = new Pair()
    const { stream, recorder } = pair.open()
    await pair.settle()
    stream.destroy()
    expect(recorder.closes).toBe(0)
    expect(stream.closed).toBe(true)
    await pair.settle()
    expect(recorder).toMatchObject({ closes: 1, error: undefined })
    expect(pair.accepted[0]?.recorder.error).toMatchObject({ fault: 'cancel' })
  })

  test('delivers nothing while it is paused, and everything afterwards', async () => {
    const pair = new Pair()
    const { stream, recorder } = pair.open()
    await pair.settle()
    stream.pause()
    pair.accepted[0]?.stream.write('a')
    pair.accepted[0]?.stream.write('b')
    pair.accepted[0]?.stream.end()
    await pair.settle()
    expect(recorder).toMatchObject({ text: '', ended: false })
    stream.resume()
    expect(recorder.text).toBe('')
    await pair.settle()
    expect(recorder).toMatchObject({ text: 'ab', ended: true })
  })

  test('whose writer ignores the result of write is reset, not buffered', async () => {
    const pair = new Pair({ pendingBytes: 1024 * 1024 })
    const { stream, recorder } = pair.open()
    await pair.settle()
    pair.accepted[0]?.stream.pause()
    for (let written = 0; written < 2 * 1024 * 1024; written += 65_536) stream.write(Buffer.alloc(65_536))
    await pair.settle()
    expect(recorder.error).toMatchObject({ fault: 'internal' })
  })
})

describe('credit', () => {
  test('pauses a writer whose reader has stalled, and wakes it afterwards', async () => {
    const pair = new Pair()
    const { stream, recorder } = pair.open()
    await pair.settle()
    const peer = pair.accepted[0] as { stream: TunnelStream; recorder: Recorder }
    peer.stream.pause()
    expect(stream.write(Buffer.alloc(INITIAL_WINDOW))).toBe(true)
    expect(stream.write(Buffer.from('x'))).toBe(false)
    await pair.settle()
    expect(stream.pendingBytes).toBe(1)
    expect(recorder.drains).toBe(0)
    peer.stream.resume()
    await pair.settle()
    expect(recorder.drains).toBe(1)
    expect(peer.recorder.bytes).toBe(INITIAL_WINDOW + 1)
  })

  test('stalled streams, as many as a link carries, do not stall the next one', async () => {
    const pair = new Pair({ streams: 100, growthBytes: 4 * INITIAL_WINDOW })
    const stalled = Array.from({ length: 99 }, () => pair.open(false))
    await pair.settle()
    for (const { stream } of pair.accepted) stream.pause()
    for (const { stream } of stalled) stream.write(Buffer.alloc(2 * INITIAL_WINDOW))
    const running = pair.open()
    await pair.settle()
    const last = pair.accepted.at(-1)?.recorder
    for (let round = 0; round < 50; round++) {
      running.stream.write(Buffer.alloc(INITIAL_WINDOW, 'y'))
      await pair.settle()
    }
    expect(last?.bytes).toBe(50 * INITIAL_WINDOW)
    expect(pair.accepted.slice(0, 99).every(({ recorder }) => recorder.bytes === 0)).toBe(true)
  })

  test('grows for a fast reader, within the link’s budget, and returns the credit when the stream ends', async () => {
    const pair = new Pair({ growthBytes: 3 * INITIAL_WINDOW, growthMs: 60_000 })
    const inFlightOf = async (): Promise<number> => {
      const { stream } = pair.open(false)
      await pair.settle()
      const peer = pair.accepted.at(-1)?.stream as TunnelStream
      for (let round = 0; round < 40; round++) {
        stream.write(Buffer.alloc(INITIAL_WINDOW))
        await pair.settle()
      }
      peer.pause()
      stream.write(Buffer.alloc(4 * MAX_WINDOW))
      await pair.settle()
      const waiting = stream.pendingBytes
      stream.destroy()
      await pair.settle()
      return 4 * MAX_WINDOW - waiting
    }
    const first = await inFlightOf()
    expect(first).toBeGreaterThan(2 * INITIAL_WINDOW)
    expect(first).toBeLessThanOrEqual(4 * INITIAL_WINDOW)
    expect(await inFlightOf()).toBe(first)
  })

  test('also waits for the link: a message that the system has not taken pauses all writers', async () => {
    const pair = new Pair({ unsentBytes: 128 * 1024 })
    const streams = Array.from({ length: 8 }, () => pair.open())
    await pair.settle()
    for (const { stream } of streams) stream.write(Buffer.alloc(INITIAL_WINDOW, 'z'))
    expect(streams.some(({ stream }) => stream.pendingBytes > 0)).toBe(true)
    await pair.settle()
    expect(streams.every(({ stream }) => stream.pendingBytes === 0)).toBe(true)
    expect(pair.accepted.every(({ recorder }) => recorder.bytes === INITIAL_WINDOW)).toBe(true)
  })
})

describe('a peer that violates the protocol', () => {
  const relayFaces = (...frames: Buffer[]): (() => void) => {
    const pair = new Pair()
    pair.open()
    return () => pair.relay.receive(Buffer.concat(frames))
  }
  const accept = encodeFrame('accept', 2)
  test.each([
    ['data before it accepted', [encodeFrame('data', 2, Buffer.from('x'))]],
    ['more credit than the maximum', [accept, encodeWindow(2, MAX_WINDOW)]],
    ['data after the end', [accept, encodeFrame('end', 2), encodeFrame('data', 2, Buffer.from('x'))]],
    ['two ends', [accept, encodeFrame('end', 2), encodeFrame('end', 2)]],
    ['two accepts', [accept, accept]],
    ['a stream that was never opened', [encodeFrame('end', 4)]],
    ['an open with an id of ours', [encodeOpen(4, TARGET)]],
    ['an open with an id used before', [encodeOpen(3, TARGET), encodeOpen(3, TARGET)]],
  ])('%s', (_what, frames) => {
    expect(relayFaces(...frames)).toThrow(TunnelProtocolError)
  })

  test('data beyond the credit of a paused stream is refused before it is buffered', () => {
    const pair = new Pair()
    pair.cluster.receive(encodeOpen(2, TARGET))
    pair.accepted[0]?.stream.pause()
    expect(() => pair.cluster.receive(Buffer.concat(overCredit(2)))).toThrow(/more than credit/)
  })

  test('too many streams are refused one by one, and the link continues', async () => {
    const pair = new Pair({ streams: 2 })
    const first = pair.open()
    pair.open()
    const third = pair.open()
    await pair.settle()
    expect(third.recorder.error).toMatchObject({ fault: 'refused' })
    first.stream.destroy()
    await pair.settle()
    const fourth = pair.open()
    await pair.settle()
    expect(fourth.recorder.opened).toBe(true)
    pair.cluster.receive(encodeOpen(100, TARGET))
    expect(pair.accepted).toHaveLength(3)
    expect(pair.cluster.size).toBe(2)
    pair.toRelay.length = 0
  })

  test('a peer that requests much and never reads ends the link', async () => {
    const pair = new Pair({ streams: 1, overflowBytes: 512 * 1024 })
    pair.cluster.receive(encodeOpen(2, TARGET))
    for (let id = 4; id < 40_000 && pair.overflows === 0; id += 2)
      pair.cluster.receive(encodeOpen(id, TARGET))
    expect(pair.overflows).toBeGreaterThan(0)
  })
})

test('a lost link ends every stream at once, and opens none', async () => {
  const pair = new Pair()
  const streams = [pair.open(), pair.open()]
  await pair.settle()
  pair.relay.close(new TunnelStreamError('lost', 'gone'))
  expect(streams.map(({ recorder }) => recorder.closes)).toEqual([1, 1])
  const late = pair.open()
  await pair.settle()
  expect(late.recorder.error).toMatchObject({ fault: 'lost' })
})

function overCredit(id: number): Buffer[] {
  return [
    encodeFrame('data', id, Buffer.alloc(INITIAL_WINDOW / 2)),
    encodeFrame('data', id, Buffer.alloc(INITIAL_WINDOW / 2)),
    encodeFrame('data', id, Buffer.alloc(1)),
    encodeFrame('data', id, Buffer.alloc(INITIAL_WINDOW)),
  ]
}
