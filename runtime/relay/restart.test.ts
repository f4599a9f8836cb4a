import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { appFor, relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { removeFolder } from '../testing/folder.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const X = 'token-of-the-cluster-x-0123'
const Y = 'token-of-the-cluster-y-0123'
const LONG_MS = 600_000

async function stateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-relay-'))
  later(() => removeFolder(folder))
  return folder
}

describe('a relay that has just started', () => {
  test('responds with 503 and Retry-After for every host without a cluster, and with 404 once clusters had time', async () => {
    const returning = await relayFor({}, { returnMs: LONG_MS })
    for (const host of ['web--alice.localhost', 'unknown.localhost']) {
      const reply = await visit(returning.httpPort, { host })
      expect(reply).toMatchObject({
        status: 503,
        headers: { 'retry-after': '2', 'cache-control': 'no-store' },
      })
      expect(JSON.parse(reply.body)).toMatchObject({ reason: 'relay-started' })
    }
    const html = await visit(returning.httpPort, { host: 'a.localhost', headers: { accept: 'text/html' } })
    expect(html.body).toContain('<meta http-equiv="refresh" content="2"')
    const relay = await relayFor({}, { returnMs: 50 })
    await until(async () => (await visit(relay.httpPort, { host: 'unknown.localhost' })).status === 404)
  })

  test('serves the previews of each cluster that is back', async () => {
    const relay = await relayFor({}, { returnMs: LONG_MS })
    const { endpoint } = await appFor((_, response) => response.end('app'))
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')], { 'alice/web:80': endpoint })
    expect(await visit(relay.httpPort, { host: 'web--alice.localhost' })).toMatchObject({ body: 'app' })
    expect((await visit(relay.httpPort, { host: 'unknown.localhost' })).status).toBe(503)
  })

  test('waits only until all remembered clusters are back', async () => {
    const variables = { BRANCHLINE_STATE_DIR: await stateFolder() }
    const before = await relayFor(variables)
    const cluster = await TestCluster.connect(before.tunnelPort, 'dev', [previewOf('alice')])
    cluster.dialler.stop()
    await before.stop()
    const relay = await relayFor(variables, { returnMs: LONG_MS })
    expect((await visit(relay.httpPort, { host: 'web--alice.localhost' })).status).toBe(503)
    expect((await visit(relay.httpPort, { host: 'unknown.localhost' })).status).toBe(503)
    await TestCluster.connect(relay.tunnelPort, 'dev', [previewOf('alice')])
    expect((await visit(relay.httpPort, { host: 'unknown.localhost' })).status).toBe(404)
  })

  test('responds with 404 at once if all clusters that may connect have listed their previews', async () => {
    const relay = await relayFor({ BRANCHLINE_RELAY_TOKEN: `x:${X},y:${Y}` }, { returnMs: LONG_MS })
    const statusOf = async (): Promise<number> =>
      (await visit(relay.httpPort, { host: 'unknown.localhost' })).status
    await TestCluster.connect(relay.tunnelPort, 'x', [previewOf('alice')], {}, { token: X })
    expect(await statusOf()).toBe(503)
    await TestCluster.connect(relay.tunnelPort, 'y', [], {}, { token: Y })
    expect(await statusOf()).toBe(404)
  })
})

/**
 * Attack: after a restart of the relay, a tenant connects first and registers another tenant's labels, to receive its
 * visitors. Fix: the relay remembers to which credential and cluster a label belongs.
 */
describe('labels after a restart', () => {
  const variables = async (): Promise<Record<string, string>> => ({
    BRANCHLINE_STATE_DIR: await stateFolder(),
    BRANCHLINE_RELAY_TOKEN: `x:${X},y:${Y}`,
  })

  test('belong to the cluster that had them, even if another one connects first', async () => {
    const kept = await variables()
    const before = await relayFor(kept)
    const first = new TestCluster(before.tunnelPort, 'y', [previewOf('alice')], { token: Y })
    await until(() => first.registered > 0)
    first.dialler.stop()
    await before.stop()
    const relay = await relayFor(kept)
    const thief = new TestCluster(relay.tunnelPort, 'x', [previewOf('alice')], { token: X })
    await until(() => thief.registered > 0)
    expect(thief.registrations.get('web--alice')?.refusal).toMatch(/taken by cluster y/)
    const owner = new TestCluster(relay.tunnelPort, 'y', [previewOf('alice')], { token: Y })
    await until(() => owner.registered > 0)
    expect(owner.registrations.get('web--alice')?.url).toBeDefined()
  })

  test('are free if their credential has been removed', async () => {
    const kept = await variables()
    const before = await relayFor(kept)
    const first = new TestCluster(before.tunnelPort, 'y', [previewOf('alice')], { token: Y })
    await until(() => first.registered > 0)
    await before.stop()
    const relay = await relayFor({ ...kept, BRANCHLINE_RELAY_TOKEN: `x:${X}` })
    const next = new TestCluster(relay.tunnelPort, 'x', [previewOf('alice')], { token: X })
    await until(() => next.registered > 0)
    expect(next.registrations.get('web--alice')?.url).toBeDefined()
  })
})
