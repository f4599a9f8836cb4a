import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeFrame, encodeOpen } from '@branchline/wire/tunnel/frame'
import { INITIAL_WINDOW, MAX_WINDOW } from '@branchline/wire/tunnel/limits'
import { parsePeerTarget, type PeerTarget } from '@branchline/wire/tunnel/peer'
import { TunnelStreamError } from './errors.ts'
import { Pair, type Recorder, TARGET } from './fixture.ts'
import { DEFAULT_TUNNEL_LIMITS, type TunnelLimits } from './limits.ts'
import { Mux } from './mux.ts'
import { splice, type SpliceReport } from './index.ts'
import type { TunnelStream } from './stream.ts'

type End = { stream: TunnelStream; recorder: Recorder }

/** Two workers and a cluster: the far worker splices every stream of the near one with one to the cluster. */
class Chain {
  /** From the near worker to the far one. */
  readonly peers: Pair
  /** From the far worker to the cluster. */
  readonly tunnel: Pair
  readonly reports: SpliceReport[] = []

  constructor(limits: Partial<TunnelLimits> = {}) {
    this.peers = new Pair(limits)
    this.tunnel = new Pair(limits)
    this.peers.onAccepted = (stream) =>
      splice(stream, this.tunnel.open().stream, (report) => this.reports.push(report))
  }

  async settle(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      await this.peers.settle()
      await this.tunnel.settle()
      const waiting = [this.peers, this.tunnel].some(
        (pair) => pair.toRelay.length + pair.toCluster.length > 0,
      )
      if (!waiting) return
    }
  }

  async open(): Promise<readonly [End, End]> {
    const near = this.peers.open()
    await this.settle()
    return [near, this.tunnel.accepted.at(-1) as End]
  }
}

describe('two spliced streams', () => {
  test('carry bytes and ends in both directions, and report them', async () => {
    const chain = new Chain()
    const near = chain.peers.open()
    near.stream.write('early ')
    await chain.settle()
    const [far] = chain.tunnel.accepted as [End]
    expect(near.recorder.opened).toBe(true)
    near.stream.write('hello')
    near.stream.end()
    await chain.settle()
    expect(far.recorder).toMatchObject({ text: 'early hello', ended: true, closes: 0 })
    far.stream.write('goodbye')
    far.stream.end()
    await chain.settle()
    expect(near.recorder).toMatchObject({ text: 'goodbye', ended: true, closes: 1, error: undefined })
    expect(chain.reports).toEqual([{ forwardBytes: 11, backwardBytes: 7, error: undefined }])
    expect([chain.peers.cluster.size, chain.tunnel.relay.size]).toEqual([0, 0])
  })

  test('pass a refusal on with its code and text, before and after the acceptance', async () => {
    const chain = new Chain()
    chain.tunnel.onAccepted = (stream) => stream.reset('unknown', 'no service web in alice')
    const [refused] = await chain.open()
    expect(refused.recorder.opened).toBe(false)
    expect(refused.recorder.error).toMatchObject({ fault: 'unknown', message: 'no service web in alice' })
    chain.tunnel.onAccepted = (stream) => stream.accept()
    const [near, far] = await chain.open()
    near.stream.reset('timeout', 'too slow')
    await chain.settle()
    expect(far.recorder.error).toMatchObject({ fault: 'timeout', message: 'too slow' })
    expect(chain.reports.map(({ error }) => (error as TunnelStreamError).fault)).toEqual([
      'unknown',
      'timeout',
    ])
  })

  test('end with an abort when the link of one of them is lost', async () => {
    const chain = new Chain()
    const [near] = await chain.open()
    chain.tunnel.relay.close(new TunnelStreamError('lost', 'the tunnel is gone'))
    await chain.settle()
    expect(near.recorder.error).toMatchObject({ fault: 'broken' })
    expect(chain.reports).toMatchObject([{ error: { fault: 'lost' } }])
  })

  test('hold nothing for a reader that has stalled: its credit is all that the writer gets', async () => {
    const chain = new Chain()
    const [near, far] = await chain.open()
    far.stream.pause()
    near.stream.write(Buffer.alloc(3 * INITIAL_WINDOW))
    await chain.settle()
    expect(near.stream.pendingBytes).toBe(2 * INITIAL_WINDOW)
    far.stream.resume()
    await chain.settle()
    expect(near.stream.pendingBytes).toBe(0)
    expect(far.recorder.bytes).toBe(3 * INITIAL_WINDOW)
  })

  test('get the larger window that the far reader grants', async () => {
    const chain = new Chain({ growthMs: 60_000 })
    const [near, far] = await chain.open()
    for (let round = 0; round < 40; round++) {
      near.stream.write(Buffer.alloc(INITIAL_WINDOW))
      await chain.settle()
    }
    far.stream.pause()
    near.stream.write(Buffer.alloc(2 * MAX_WINDOW))
    await chain.settle()
    const inFlight = 2 * MAX_WINDOW - near.stream.pendingBytes
    expect(inFlight).toBeGreaterThan(4 * INITIAL_WINDOW)
    expect(inFlight).toBeLessThanOrEqual(MAX_WINDOW)
  })

  test('carry every byte in order for any sizes and pauses, with links that are often full', async () => {
    const step = fc.record({ near: fc.boolean(), bytes: fc.nat(150_000), paused: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const chain = new Chain({ unsentBytes: 70_000, growthBytes: 2 * INITIAL_WINDOW })
        const ends = await chain.open()
        const wrote = ['', '']
        for (const [index, { near, bytes, paused }] of steps.entries()) {
          const [from, to] = near ? [0, 1] : [1, 0]
          const text = `${index}`.repeat(bytes / 2)
          ends[from]?.stream.write(text)
          wrote[from] += text
          if (paused) ends[to]?.stream.pause()
          else ends[to]?.stream.resume()
          if (bytes % 3 === 0) await chain.settle()
        }
        for (const { stream } of ends) {
          stream.resume()
          stream.end()
        }
        await chain.settle()
        expect(ends[1].recorder.text === wrote[0]).toBe(true)
        expect(ends[0].recorder.text === wrote[1]).toBe(true)
        expect(ends.map(({ recorder }) => [recorder.closes, recorder.error])).toEqual([
          [1, undefined],
          [1, undefined],
        ])
        expect(chain.reports).toHaveLength(1)
      }),
      { numRuns: 40 },
    )
  })
})

describe('a link whose owner reads the targets', () => {
  const target: PeerTarget = { credential: 'cluster:blue', cluster: 'blue', ...TARGET }
  const opened: PeerTarget[] = []
  const mux = (): Mux<PeerTarget> =>
    new Mux({
      dialler: true,
      limits: DEFAULT_TUNNEL_LIMITS,
      send: () => undefined,
      onControl: () => undefined,
      onOverflow: () => undefined,
      readTarget: parsePeerTarget,
      onStream: (stream) => opened.push(stream.target),
    })

  test('gets a stream with all fields of its target', () => {
    mux().receive(encodeOpen(2, target))
    expect(opened).toEqual([target])
  })

  test('ends if a field is missing', () => {
    expect(() => mux().receive(encodeOpen(2, TARGET))).toThrow(/a worker’s OPEN: credential: wanted a text/)
  })

  test('opens streams to such targets', async () => {
    const sent: Buffer[] = []
    const near = new Mux<PeerTarget>({
      dialler: true,
      limits: DEFAULT_TUNNEL_LIMITS,
      send: (message) => sent.push(message),
      onControl: () => undefined,
      onOverflow: () => undefined,
      readTarget: parsePeerTarget,
      onStream: () => undefined,
    })
    near.open(target)
    near.flush()
    expect(Buffer.concat(sent)).toEqual(encodeFrame('open', 1, Buffer.from(JSON.stringify(target))))
  })
})
