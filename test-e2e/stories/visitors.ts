import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import { ROUTED_HEADER } from '@branchline/wire/names'
import { ALICE_PATH } from '../harness/shop.ts'
import { fieldOf, pathOf } from '../harness/visit.ts'
import { removeAll } from './chain.ts'
import type { Proof } from './proof.ts'

const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

export const forgedKey: Proof = {
  title: "a visitor who forges bob's key at alice's URL gets alice, for every header",
  async prove(shop) {
    const forgeries = [
      { tracestate: 'branchline=bob' },
      { tracestate: ['branchline=bob', 'branchline=bob'] },
      { tracestate: 'x=1, branchline=bob', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
      { baggage: 'branchline=bob' },
      { tracestate: 'branchline=bob', baggage: 'branchline = bob;p=1' },
      { [ROUTED_HEADER]: 'bob' },
    ]
    for (const headers of forgeries) {
      assert.equal(pathOf(await shop.visit('alice', { headers })), ALICE_PATH, JSON.stringify(headers))
    }
    return `${forgeries.length} forgeries`
  },
}

export const otherVendors: Proof = {
  title: "other vendors' tracestate and baggage keep their order through the whole shop",
  async prove(shop) {
    const headers = {
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      tracestate: 'congo=t61rcWkgMzE, rojo=00f067aa0ba902b7',
      baggage: 'userId=alice,region=eu;ttl=5',
    }
    const { hops } = await shop.visit('alice', { path: '/?fields', headers })
    for (const hop of hops.slice(0, 3)) {
      const tracestate = fieldOf(hop, 'tracestate')?.replaceAll(' ', '')
      assert.equal(tracestate, 'branchline=alice,congo=t61rcWkgMzE,rojo=00f067aa0ba902b7', hop.service)
      const baggage = fieldOf(hop, 'baggage')?.split(',').toSorted().join()
      assert.equal(baggage, 'branchline=alice,region=eu;ttl=5,userId=alice', hop.service)
    }
    return undefined
  },
}

export const mintedTraceparent: Proof = {
  title: 'a missing traceparent is generated, and one trace covers all services',
  async prove(shop) {
    const { hops } = await shop.visit('alice', { path: '/?fields' })
    const traces = hops.slice(0, 3).map((hop) => fieldOf(hop, 'traceparent') ?? '')
    for (const trace of traces) assert.match(trace, TRACEPARENT)
    assert.equal(new Set(traces.map((trace) => trace.split('-')[1])).size, 1, traces.join(' '))
    assert.equal(fieldOf(hops[0], ROUTED_HEADER), undefined, "the platform's own header reaches no app")
    return traces[0]
  },
}

export const keyInside: Proof = {
  title:
    "inside, a present key is never overwritten, and without a key the calls of a branch's pod belong to its branch",
  async prove(shop) {
    await shop.apply('alice-ui', branch('alice-ui', { base: 'alice', overrides: { web: 'ui-1' } }))
    try {
      await shop.takes('alice-ui', 'web@alice-ui api@alice worker@baseline')
      const sent = await shop.visit('alice-ui', { path: '/?fields&send=branchline%3Dbob' })
      assert.equal(pathOf(sent), 'web@alice-ui api@baseline worker@bob')
      assert.equal(fieldOf(sent.hops[1], 'tracestate'), 'branchline=bob')
      const silent = await shop.visit('alice-ui', { path: '/?send=' })
      assert.equal(pathOf(silent), 'web@alice-ui api@alice worker@baseline')
      // The name of the baseline's Service, because the short name would find alice's.
      const named = await shop.visit('alice-ui', { path: '/?send=&at=baseline' })
      assert.equal(pathOf(named), 'web@alice-ui api@alice worker@baseline')
      return undefined
    } finally {
      await removeAll(shop, ['alice-ui'])
    }
  },
}
