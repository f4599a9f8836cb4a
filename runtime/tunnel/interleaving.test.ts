import fc from 'fast-check'
import { expect, test } from 'vitest'
import { INITIAL_WINDOW } from '@branchline/wire/tunnel/limits'
import { Pair, type Recorder } from './fixture.ts'
import type { TunnelStream } from './stream.ts'

type Side = { stream: number; peer: boolean }
type Step =
  | (Side & { do: 'write'; bytes: number })
  | (Side & { do: 'pause' })
  | (Side & { do: 'resume' })
  | (Side & { do: 'end' })
  | { do: 'carry'; relay: boolean }
  | { do: 'turn' }

test('for any interleaving of writes, pauses, ends and delays, every stream gets its own bytes in order', async () => {
  const stream = fc.nat(4)
  const peer = fc.boolean()
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant('write' as const), stream, bytes: fc.nat(90_000), peer }),
    fc.record({ do: fc.constant('pause' as const), stream, peer }),
    fc.record({ do: fc.constant('resume' as const), stream, peer }),
    fc.record({ do: fc.constant('end' as const), stream, peer }),
    fc.record({ do: fc.constant('carry' as const), relay: fc.boolean() }),
    fc.record({ do: fc.constant('turn' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const pair = new Pair({ unsentBytes: 100_000, growthBytes: 2 * INITIAL_WINDOW })
      const near = Array.from({ length: 5 }, () => pair.open())
      await pair.settle()
      const ends = near.map((one, index) => [one, pair.accepted[index] as typeof one] as const)
      const wrote = ends.map(() => [new Written(), new Written()] as const)
      for (const move of steps) await play(move, pair, ends, wrote)
      for (const end of ends.flat()) end.stream.resume()
      await pair.settle()
      for (const [index, [one, other]] of ends.entries()) {
        expect(other.recorder.text === wrote[index]?.[0].text).toBe(true)
        expect(one.recorder.text === wrote[index]?.[1].text).toBe(true)
        expect(other.recorder.ended).toBe(wrote[index]?.[0].ended)
        expect(one.recorder.ended).toBe(wrote[index]?.[1].ended)
        const both = one.recorder.ended && other.recorder.ended
        expect([one.recorder.closes, other.recorder.closes]).toEqual(both ? [1, 1] : [0, 0])
      }
    }),
    { numRuns: 60 },
  )
})

class Written {
  text = ''
  ended = false
}
type End = { stream: TunnelStream; recorder: Recorder }

async function play(
  step: Step,
  pair: Pair,
  ends: readonly (readonly [End, End])[],
  wrote: readonly (readonly [Written, Written])[],
): Promise<void> {
  if (step.do === 'turn') return new Promise((resolve) => setImmediate(resolve))
  if (step.do === 'carry') return (step.relay ? pair.toRelay : pair.toCluster).shift()?.()
  const side = step.peer ? 1 : 0
  const { stream } = (ends[step.stream] as readonly [End, End])[side]
  const written = (wrote[step.stream] as readonly [Written, Written])[side]
  if (step.do === 'pause') stream.pause()
  else if (step.do === 'resume') stream.resume()
  else if (step.do === 'end') {
    stream.end()
    written.ended = true
  } else if (!written.ended && stream.pendingBytes === 0) {
    const text = `${step.stream}${side}`.repeat(step.bytes / 2)
    stream.write(text)
    written.text += text
  }
}
