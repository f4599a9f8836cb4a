import assert from 'node:assert/strict'
import { branch } from '@branchline/gitops/shop/branch'
import type { Shop } from '../harness/shop.ts'
import { until } from '../harness/until.ts'
import { visit } from '../harness/visit.ts'
import { removeAll } from './chain.ts'
import type { Proof } from './proof.ts'

const BYTES = 8 * 1024 * 1024 + 1
const ADDRESS_TIMEOUT_MS = 30_000
const BY_NAME = '/tcp?bytes=1'

interface Echo {
  readonly greeting: string
  readonly greetingMs: number
  readonly bytes: number
  readonly same: boolean
}

export const rawTcp: Proof = {
  title: 'raw TCP passes unchanged, also from a server that speaks first',
  async prove(shop) {
    const result = await echo(shop, 'alice', `/tcp?bytes=${BYTES}`)
    assert.equal(result.greeting, '220 worker 1 baseline')
    assert.equal(result.bytes, BYTES)
    assert.ok(result.same, 'the returned bytes differ from the sent bytes')
    return `greeting after ${result.greetingMs} ms, ${result.bytes} bytes the same`
  },
}

export const rawTcpOfBranch: Proof = {
  title: "raw TCP carries no key: a branch's pod reaches its own override, by name and by its address",
  async prove(shop) {
    await shop.apply('kim', branch('kim', { base: 'baseline', overrides: { web: 'k-1', worker: 'k-1' } }))
    try {
      await shop.takes('kim', 'web@kim api@baseline worker@kim')
      // A new Service's address refuses connections until the cluster knows its pod, and no request here waits for that.
      const { value: byName } = await until(
        'a greeting',
        () => echo(shop, 'kim', BY_NAME),
        ADDRESS_TIMEOUT_MS,
      )
      assert.equal(byName.greeting, '220 worker k-1 kim')
      const byAddress = await echo(shop, 'kim', `${BY_NAME}&at=baseline`)
      assert.equal(byAddress.greeting, '220 worker k-1 kim')
      return undefined
    } finally {
      await removeAll(shop, ['kim'])
    }
  },
}

async function echo(shop: Shop, environment: string, path: string): Promise<Echo> {
  const { status, body } = await visit(await shop.url(environment), { path })
  assert.equal(status, 200, body)
  return JSON.parse(body) as Echo
}
