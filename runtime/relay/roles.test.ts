/** The roles of a relay in processes of their own, with the embedded PostgreSQL. */
import { mkdtemp, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { removeFolder } from '../testing/folder.ts'
import { until } from '../testing/until.ts'
import { appFor, visit } from './fixture.ts'
import { RelayProcess } from './fixture-process.ts'

afterEach(cleanUp)

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'branchline-roles-'))
  later(() => removeFolder(path))
  return path
}

const bodyOf = async (relay: RelayProcess, label: string): Promise<string> =>
  (await visit(relay.httpPort, { host: `${label}.localhost` })).body

const circuitOf = (key: string, address: string) => ({
  key,
  frontend: { type: 'subdomain' as const },
  access: { type: 'public' as const },
  targets: [{ address }],
})

test('one process has both roles: a circuit becomes healthy, and survives a crash', async () => {
  const state = { BRANCHLINE_STATE_DIR: await folder() }
  const { endpoint } = await appFor((_, response) => response.end('app'))
  const first = await RelayProcess.start(state)
  const { key = '', api } = first.addresses
  expect(key).toMatch(/^blk_/)
  const client = createClient({ url: api, key })
  const created = await client.createCircuit({ body: circuitOf('jupyter', endpoint) })
  expect(created).toMatchObject({ key: 'jupyter' })
  await until(async () => (await client.getCircuit({ params: { key: 'jupyter' } })).status === 'HEALTHY')
  expect(await bodyOf(first, 'jupyter')).toBe('app')
  await first.end('SIGKILL')
  const second = await RelayProcess.start(state)
  expect(second.addresses.key).toBeUndefined()
  await until(async () => (await bodyOf(second, 'jupyter')) === 'app')
  expect(await second.end()).toBe(0)
})

test('workers serve without a coordinator, also after their restart, and follow again when it returns', async () => {
  const state = await folder()
  const { endpoint } = await appFor((_, response) => response.end('app'))
  const coordinating = { BRANCHLINE_ROLE: 'coordinator', BRANCHLINE_STATE_DIR: state }
  const coordinator = await RelayProcess.start(coordinating)
  const { api, key = '' } = coordinator.addresses
  const client = createClient({ url: api, key })
  const { secret } = await client.createJoinToken({ body: { name: 'test' } })
  const working = {
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_COORDINATORS: api,
    BRANCHLINE_JOIN_TOKEN: secret,
  }
  const one = { ...working, BRANCHLINE_WORKER_NAME: 'one', BRANCHLINE_STATE_DIR: await folder() }
  const workers = [
    await RelayProcess.start(one),
    await RelayProcess.start({
      ...working,
      BRANCHLINE_WORKER_NAME: 'two',
      BRANCHLINE_STATE_DIR: await folder(),
    }),
  ] as const
  await client.createCircuit({ body: circuitOf('jupyter', endpoint) })
  for (const worker of workers) await until(async () => (await bodyOf(worker, 'jupyter')) === 'app')
  await until(
    async () => (await client.getCircuit({ params: { key: 'jupyter' } })).workers.join() === 'one,two',
  )
  // The last table is on disk a moment later.
  const file = join(one.BRANCHLINE_STATE_DIR, 'worker/table.json')
  await until(async () => (await readFile(file, 'utf8')).includes('jupyter'))
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  // A worker that is gone is noticed at once.
  await workers[0].end('SIGKILL')
  await until(async () => (await client.getWorker({ params: { worker: 'one' } })).state === 'lost')
  await coordinator.end('SIGKILL')
  expect(await bodyOf(workers[1], 'jupyter')).toBe('app')
  const restarted = await RelayProcess.start(one)
  expect(await bodyOf(restarted, 'jupyter')).toBe('app')
  const returned = await RelayProcess.start({ ...coordinating, BRANCHLINE_API_PORT: new URL(api).port })
  expect(returned.addresses.key).toBeUndefined()
  await until(async () => (await client.getWorker({ params: { worker: 'one' } })).state === 'ready')
  await client.createCircuit({ body: circuitOf('later', endpoint) })
  for (const worker of [restarted, workers[1]])
    await until(async () => (await bodyOf(worker, 'later')) === 'app')
  await until(async () => (await client.getWorker({ params: { worker: 'one' } })).servedEpoch !== undefined)
  // A worker that is removed ends.
  await client.deleteWorker({ params: { worker: 'one' } })
  expect(await restarted.ended()).toBe(0)
})
