import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tcpUpstream } from '../http/index.ts'
import { nextCandidate } from './candidates.ts'

const upstream = tcpUpstream('127.0.0.1', 1)
const anyVersions = fc.array(fc.constantFrom('alice', 'base', undefined), { maxLength: 8 })

test('every candidate is tried in order while none may have processed the request', () => {
  fc.assert(
    fc.property(anyVersions, (versions) => {
      const candidates = versions.map((version) => ({ upstream, version }))
      const tried: number[] = []
      for (let at = nextCandidate(candidates, -1, -1); at !== -1; at = nextCandidate(candidates, at, -1)) {
        tried.push(at)
      }
      expect(tried).toEqual([...candidates.keys()])
    }),
  )
})

test('once one may have processed it, only those of its version are tried', () => {
  fc.assert(
    fc.property(anyVersions, fc.nat({ max: 7 }), (versions, processedBy) => {
      fc.pre(processedBy < versions.length)
      const candidates = versions.map((version) => ({ upstream, version }))
      const tried: number[] = []
      let at = processedBy
      while ((at = nextCandidate(candidates, at, processedBy)) !== -1) tried.push(at)
      const expected = [...versions.keys()].filter(
        (index) => index > processedBy && versions[index] === versions[processedBy],
      )
      expect(tried).toEqual(expected)
    }),
  )
})
