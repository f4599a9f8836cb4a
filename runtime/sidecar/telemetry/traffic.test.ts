import { connect } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, keyed, type Pod, target, World } from '../fixture/world.ts'
import { until } from '../../testing/until.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world.close())

async function observed(pod: Pod): Promise<Pod> {
  const epoch = pod.manager.table.epoch + 1
  pod.manager.observes()
  await until(() => pod.manager.acks.includes(epoch))
  return pod
}
const keysOf = ({ manager }: Pod) => manager.traffic.flatMap((report) => report.keyed)
const callsOf = ({ manager }: Pod) => manager.traffic.flatMap((report) => report.calls)

test('a sidecar reports keys, callers and keyed times, but only to a manager that accepts it', async () => {
  const alice = await world.pod({
    appPort: await world.app('alice'),
    environment: 'alice',
    routes: { own: ['alice'] },
  })
  const routes = { alice: target('alice', [alice.port]) }
  const root = await world.pod({ appPort: await world.app('baseline'), routes: { routes } })
  await ask(root.port, { headers: keyed('alice') })
  for (const pod of [root, alice]) await observed(pod)
  await ask(root.port, { headers: keyed('bob') })
  await ask(root.port)
  await until(() => keysOf(root).length === 2 && callsOf(root).length === 1 && keysOf(alice).length === 1)
  // The key of the first request is reported although no manager accepted reports then. Its times are forgotten.
  expect(keysOf(root)).toEqual([
    { service: 'api', key: 'alice', received: 1, served: 0 },
    { service: 'api', key: 'bob', received: 1, served: 1 },
  ])
  expect(callsOf(root)).toMatchObject([{ service: 'api', from: '127.0.0.1', keyless: 1 }])
  expect(callsOf(root)[0]?.at).toHaveLength(1)
  expect(root.manager.traffic.flatMap(({ keyedTimes }) => keyedTimes).length).toBeLessThanOrEqual(1)
  // The sidecar of the override does not know the caller: another sidecar sent the request.
  expect(keysOf(alice)).toEqual([{ service: 'api', key: 'alice', received: 1, served: 1 }])
  expect(callsOf(alice)).toEqual([])
})

test('a sidecar reports TCP connections by caller, again to every new manager', async () => {
  const appPort = await world.tcpApp((socket) => socket.end('x'))
  const pod = await observed(await world.pod({ appPort, protocol: 'tcp' }))
  await once(connect(pod.port, '127.0.0.1').resume(), 'close')
  const rawOf = () => pod.manager.traffic.flatMap(({ raw }) => raw)
  await until(() => rawOf().length === 1)
  expect(rawOf()).toEqual([{ service: 'api', from: '127.0.0.1', environment: 'baseline', opened: 1 }])
  await observed(pod)
  await until(() => rawOf().length === 2)
})
