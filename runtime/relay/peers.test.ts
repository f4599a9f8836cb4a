/** Two workers of one relay: tunnels to one of them serve the visitors of both. */
import { once } from 'node:events'
import { createClient } from '@branchline/wire/circuits/client'
import { PEER_PATH, PEER_SUBPROTOCOL } from '@branchline/wire/tunnel/peer'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { appFor, relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import type { RunningRelay } from './relay.ts'

afterEach(cleanUp)

const HOST = 'web--alice.localhost'

async function twoWorkers(): Promise<readonly [RunningRelay, RunningRelay]> {
  const one = await relayFor({ BRANCHLINE_WORKER_NAME: 'one' })
  const api = `http://127.0.0.1:${one.apiPort}`
  const { secret } = await createClient({ url: api, key: one.ownerKey ?? '' }).createJoinToken({
    body: { name: 'two' },
  })
  const two = await relayFor({
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_WORKER_NAME: 'two',
    BRANCHLINE_COORDINATORS: api,
    BRANCHLINE_JOIN_TOKEN: secret,
  })
  return [one, two]
}

const served = async ({ httpPort }: RunningRelay): Promise<boolean> =>
  (await visit(httpPort, { host: HOST })).body === 'app'

test('a request for a cluster without a tunnel to this worker goes over the worker that has one', async () => {
  const [one, two] = await twoWorkers()
  const { endpoint } = await appFor((_, response) => response.end('app'))
  const services = { 'alice/web:80': endpoint }
  const cluster = await TestCluster.connect(two.tunnelPort, 'dev', [previewOf('alice')], services)
  expect(cluster.registrations.get('web--alice')?.url).toBeDefined()
  for (const worker of [one, two]) await until(() => served(worker))
  // The other way round, without a change of the address.
  await TestCluster.connect(one.tunnelPort, 'dev', [previewOf('alice')], services)
  cluster.dialler.stop()
  for (const worker of [one, two]) await until(() => served(worker))
})

test('clusters learn at which other workers they may connect', async () => {
  const [one, two] = await twoWorkers()
  const cluster = await TestCluster.connect(one.tunnelPort, 'dev', [previewOf('alice')])
  const url = `ws://127.0.0.1:${two.tunnelPort}`
  await until(() => cluster.workers?.length === 1)
  expect(cluster.workers).toEqual([url])
  await two.stop()
  await until(() => cluster.workers?.length === 0)
})

/** Attack: a cluster, or anybody else, connects as a worker to open streams to the services of other clusters. */
test.each(['token-of-the-tests-0123456789', 'x'.repeat(43), ''])(
  'the credential %j does not open a connection between workers',
  async (token) => {
    const [one] = await twoWorkers()
    const socket = new WebSocket(`ws://127.0.0.1:${one.tunnelPort}${PEER_PATH}`, PEER_SUBPROTOCOL, {
      headers: { authorization: `Bearer ${token}` },
    })
    socket.on('error', () => undefined)
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
    expect(response.statusCode).toBe(401)
    socket.terminate()
  },
)
