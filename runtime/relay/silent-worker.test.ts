/** A worker that connects and never acknowledges anything, as one whose table could not be applied. */
import { once } from 'node:events'
import { createClient } from '@branchline/wire/circuits/client'
import { WORKERS_CONNECT_PATH, WORKERS_SUBPROTOCOL } from '@branchline/wire/circuits/protocol'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { cleanUp, later } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { relayFor } from './fixture.ts'

afterEach(cleanUp)

const FACTS = {
  name: 'silent',
  group: 'default',
  version: '1',
  labels: {},
  backends: ['http' as const],
  addresses: {},
  maxCircuits: 10,
}

test('a worker that never acknowledges leaks nothing, and its circuits stay PENDING with that reason', async () => {
  const relay = await relayFor({ BRANCHLINE_ROLE: 'coordinator', BRANCHLINE_ALLOW_TARGETS: '127.0.0.0/8' })
  const url = `http://127.0.0.1:${relay.apiPort}`
  const client = createClient({ url, key: relay.ownerKey ?? '' })
  const { secret } = await client.createJoinToken({ body: { name: 'test' } })
  const { credential } = await createClient({ url, key: secret }).registerWorker({ body: FACTS })
  const socket = new WebSocket(url.replace('http', 'ws') + WORKERS_CONNECT_PATH, WORKERS_SUBPROTOCOL, {
    headers: { authorization: `Bearer ${credential}` },
  })
  later(() => socket.terminate())
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'hello' }))
  socket.send(
    JSON.stringify({ type: 'facts', facts: FACTS, peerHash: 'a'.repeat(64), credentials: [], clusters: [] }),
  )
  const stateOf = async () => (await client.getWorker({ params: { worker: 'silent' } })).state
  await until(async () => (await stateOf()) === 'ready')
  for (const key of ['one', 'two', 'three']) {
    await client.createCircuit({
      body: { key, frontend: { type: 'subdomain' }, targets: [{ address: '127.0.0.1:9' }] },
    })
    await client.patchCircuit({ params: { key }, body: { labels: { changed: 'yes' } } })
  }
  const reasonOf = async (key: string) => {
    const { status, statusReason = '', workers } = await client.getCircuit({ params: { key } })
    expect([status, workers]).toEqual(['PENDING', []])
    return statusReason
  }
  await until(async () => (await reasonOf('three')).includes('silent'))
  expect(await reasonOf('one')).toMatch(/No worker has acknowledged the circuit yet.*silent/)
  for (const key of ['one', 'two']) await client.deleteCircuit({ params: { key } })
  socket.terminate()
  await until(async () => (await stateOf()) === 'lost')
  const metrics = await (await fetch(`http://127.0.0.1:${relay.adminPort}/metrics`)).text()
  expect(metrics).toMatch(/^branchline_coordinator_workers_connected 0$/m)
  expect((await client.listCircuits()).items.map(({ key, status }) => [key, status])).toEqual([
    ['three', 'PENDING'],
  ])
})
