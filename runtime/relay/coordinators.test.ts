/** Two coordinators on one database: one leads, and workers follow the one that leads. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { removeFolder } from '../testing/folder.ts'
import { until } from '../testing/until.ts'
import { appFor, relayFor, visit } from './fixture.ts'
import { previewOf, TestCluster } from './fixture-cluster.ts'
import type { RunningRelay } from './relay.ts'

afterEach(cleanUp)

async function twoCoordinators(): Promise<{
  readonly coordinators: readonly [RunningRelay, RunningRelay]
  readonly worker: RunningRelay
  readonly key: string
}> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-coordinators-'))
  later(() => removeFolder(folder))
  // The same folder means the same database.
  const coordinating = { BRANCHLINE_ROLE: 'coordinator', BRANCHLINE_STATE_DIR: folder }
  const one = await relayFor(coordinating)
  const two = await relayFor(coordinating)
  const key = one.ownerKey ?? ''
  const { secret } = await createClient({ url: urlOf(two), key }).createJoinToken({ body: { name: 'test' } })
  const worker = await relayFor({
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_COORDINATORS: `${urlOf(two)},${urlOf(one)}`,
    BRANCHLINE_JOIN_TOKEN: secret,
  })
  return { coordinators: [one, two], worker, key }
}

const urlOf = ({ apiPort }: RunningRelay): string => `http://127.0.0.1:${apiPort}`

test('a worker finds the coordinator that leads, and follows the next one, with the labels of its clusters', async () => {
  const { coordinators, worker, key } = await twoCoordinators()
  const [one, two] = coordinators
  const { endpoint } = await appFor((_, response) => response.end('app'))
  const services = { 'alice/web:80': endpoint, 'bob/web:80': endpoint }
  const cluster = await TestCluster.connect(worker.tunnelPort, 'dev', [previewOf('alice')], services)
  await until(() => cluster.registrations.get('web--alice')?.url)
  const bodyOf = async (host: string): Promise<string> => (await visit(worker.httpPort, { host })).body
  expect(await bodyOf('web--alice.localhost')).toBe('app')
  // A change through the coordinator that does not lead arrives as well.
  const standby = createClient({ url: urlOf(two), key })
  await standby.createCircuit({
    body: { key: 'web', frontend: { type: 'subdomain' }, access: { type: 'public' } },
  })
  await until(async () => (await bodyOf('web.localhost')).includes('no targets'))
  await one.stop()
  expect(await bodyOf('web--alice.localhost')).toBe('app')
  cluster.dialler.link?.control({ type: 'update', upsert: [previewOf('bob')], remove: [] })
  await until(() => cluster.registrations.get('web--bob')?.url)
  for (const host of ['web--alice.localhost', 'web--bob.localhost']) expect(await bodyOf(host)).toBe('app')
  await until(async () => (await standby.listWorkers({})).items[0]?.state === 'ready')
})
