import assert from 'node:assert/strict'
import { visit } from '../harness/visit.ts'
import type { Proof } from './proof.ts'

const BYTES = 8 * 1024 * 1024 + 1
const GREETING_LIMIT_MS = 1000

export const rawTcp: Proof = {
  title: 'raw TCP passes unmodified, and a server that speaks first is heard at once',
  async prove(shop) {
    const url = await shop.url('alice')
    const { status, body } = await visit(url, { path: `/tcp?bytes=${BYTES}` })
    assert.equal(status, 200, body)
    const result = JSON.parse(body) as { greeting: string; greetingMs: number; bytes: number; same: boolean }
    assert.equal(result.greeting, '220 worker 1 baseline')
    assert.equal(result.bytes, BYTES)
    assert.ok(result.same, 'the octets that came back are not those that were sent')
    assert.ok(result.greetingMs < GREETING_LIMIT_MS, `the greeting took ${result.greetingMs} ms`)
    return `greeting after ${result.greetingMs} ms, ${result.bytes} octets the same`
  },
}
