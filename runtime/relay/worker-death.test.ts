/** A cluster with tunnels to two workers, which are processes of their own: one of them is killed under load. */
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'
import { appFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import { RelayProcess } from './fixture-process.ts'

afterEach(cleanUp)

const HOST = 'web--alice.localhost'
const REQUESTS = 200

test('the death of one worker fails no request for a preview at the other one, whichever held the tunnel', async () => {
  const coordinator = await RelayProcess.start({ BRANCHLINE_ROLE: 'coordinator' })
  const { api, key = '' } = coordinator.addresses
  const client = createClient({ url: api, key })
  const { secret } = await client.createJoinToken({ body: { name: 'test' } })
  const work = (name: string): Promise<RelayProcess> =>
    RelayProcess.start({
      BRANCHLINE_ROLE: 'worker',
      BRANCHLINE_COORDINATORS: api,
      BRANCHLINE_JOIN_TOKEN: secret,
      BRANCHLINE_WORKER_NAME: name,
    })
  const [one, two] = [await work('one'), await work('two')]
  const { endpoint } = await appFor((_, response) => response.end('app'))
  const connect = ({ addresses }: RelayProcess) =>
    TestCluster.connect(Number(new URL(addresses.tunnel).port), 'dev', [previewOf('alice')], {
      'alice/web:80': endpoint,
    })
  const get = (worker: RelayProcess) => visit(worker.httpPort, { host: HOST })
  await connect(one)
  // The second worker has no tunnel of its own: the first one forwards.
  for (const worker of [one, two]) await until(async () => (await get(worker)).body === 'app')
  await connect(two)
  await until(async () => (await client.listClusters()).items[0]?.workers.length === 2)
  const failed: number[] = []
  for (let request = 0; request < REQUESTS; request++) {
    if (request === REQUESTS / 4) void one.end('SIGKILL')
    const { status } = await get(two)
    if (status !== 200) failed.push(status)
  }
  expect(failed).toEqual([])
  await one.ended()
  await until(async () => (await client.getWorker({ params: { worker: 'one' } })).state === 'lost')
  expect((await get(two)).body).toBe('app')
})
