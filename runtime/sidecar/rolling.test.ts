import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import type { ListenerRoutes } from '@branchline/wire/routes/messages'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../process/temporary.ts'
import { StandInManager, tableOf } from './fixture/stand-in-manager.ts'
import { ask, keyed, target, World } from './fixture/world.ts'
import { freePort } from '../testing/ports.ts'
import { until } from '../testing/until.ts'

const TOKEN = 'token-of-the-pod'
let world: World
let manager: StandInManager
const children = new Set<ChildProcess>()

beforeEach(async () => {
  world = await World.create()
  manager = await StandInManager.listen(TOKEN)
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all([world.close(), manager.stop()])
})

interface Replica {
  readonly port: number
  readonly adminPort: number
  child: ChildProcess
}

const readiness = async ({ adminPort }: Replica): Promise<number> =>
  (await ask(adminPort, { path: '/readyz' }).catch(() => ({ status: 0 }))).status

/** Waits until readiness has a status. */
async function untilReadiness(replica: Replica, wanted: number): Promise<void> {
  const deadline = performance.now() + 15_000
  while ((await readiness(replica)) !== wanted) {
    if (performance.now() > deadline) throw new Error(`readiness of ${replica.port} is never ${wanted}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('a rolling restart of real processes under load loses nothing', { timeout: 60_000 }, async () => {
  const app = await world.app('alice')
  const folder = temporaryFolder('rolling')
  onTestFinished(() => rm(folder, { recursive: true }))
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, TOKEN)
  const start = ({ port, adminPort }: Pick<Replica, 'port' | 'adminPort'>): ChildProcess => {
    const child = spawn(process.execPath, [`${import.meta.dirname}/main.ts`], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'],
        BRANCHLINE_INBOUND: `${port}=${app}/http`,
        BRANCHLINE_ADMIN_PORT: String(adminPort),
        BRANCHLINE_MANAGER: manager.url,
        BRANCHLINE_TOKEN_FILE: tokenFile,
        POD_IP: '127.0.0.1',
      },
    })
    children.add(child.once('exit', () => children.delete(child)))
    return child
  }
  const replicas: Replica[] = []
  for (let index = 0; index < 2; index++) {
    const at = { port: await freePort(), adminPort: await freePort() }
    replicas.push({ ...at, child: start(at) })
  }
  const listeners = replicas.map(
    ({ port }) => [String(port), { service: 'api', routes: {}, own: ['alice'] }] as [string, ListenerRoutes],
  )
  manager.table = tableOf(1, { environment: 'alice', listeners: Object.fromEntries(listeners) })
  await Promise.all(replicas.map((replica) => untilReadiness(replica, 200)))
  const routeTo = (some: readonly Replica[]): { routes: Record<string, ReturnType<typeof target>> } => ({
    routes: {
      alice: target(
        'alice',
        some.map(({ port }) => port),
        'fail',
      ),
    },
  })
  const root = await world.pod({ appPort: app, routes: routeTo(replicas) })

  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const load = { going: true }
  const lost: string[] = []
  let served = 0
  const client = async (offset: number): Promise<void> => {
    for (let index = offset; load.going; index++) {
      const request = index % 2 === 0 ? {} : { method: 'POST', body: 'b'.repeat(5_000) }
      const response = await ask(root.port, { agent, headers: keyed('alice'), ...request }).catch(String)
      served++
      if (typeof response === 'string' || response.status !== 200) lost.push(JSON.stringify(response))
    }
  }
  const clients = Array.from({ length: 8 }, (_, index) => client(index))
  for (const replica of replicas) {
    const exited = once(replica.child, 'exit')
    replica.child.kill('SIGTERM')
    await untilReadiness(replica, 503)
    await root.route(routeTo(replicas.filter((other) => other !== replica)))
    expect(await exited).toEqual([0, null])
    replica.child = start(replica)
    await untilReadiness(replica, 200)
    await root.route(routeTo(replicas))
    const enough = served + 50
    await until(() => served >= enough)
  }
  load.going = false
  await Promise.all(clients)
  agent.destroy()
  expect(lost).toEqual([])
  expect(served).toBeGreaterThan(200)
})
