import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextCandidate } from './candidates.ts'
import { tcpUpstream } from '../transport/tcp.ts'

const upstream = tcpUpstream('127.0.0.1', 1)
const anyVersions = fc.array(fc.constantFrom('alice', 'base', undefined), { maxLength: 8 })

test('the engine tries every candidate in order while none may have received the request', () => {
  fc.assert(
    fc.property(anyVersions, (versions) => {
      const candidates = versions.map((version) => ({ upstream, version }))
      const tried: number[] = []
      for (
        let at = nextCandidate(candidates, -1, undefined);
        at !== -1;
        at = nextCandidate(candidates, at, undefined)
      ) {
        tried.push(at)
      }
      expect(tried).toEqual([...candidates.keys()])
    }),
  )
})

test('once a candidate may have received the request, only candidates of its version follow', () => {
  fc.assert(
    fc.property(anyVersions, fc.nat({ max: 7 }), (versions, reached) => {
      fc.pre(reached < versions.length)
      const candidates = versions.map((version) => ({ upstream, version }))
      const tried: number[] = []
      let at = reached
      while ((at = nextCandidate(candidates, at, candidates[reached])) !== -1) tried.push(at)
      const expected = [...versions.keys()].filter(
        (index) => index > reached && versions[index] === versions[reached],
      )
      expect(tried).toEqual(expected)
    }),
  )
})
