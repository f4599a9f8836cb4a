import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LEAVE_COMMAND } from '@branchline/wire/leave'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { ask, World } from './fixture/world.ts'
import { DEAD_PORT } from '../testing/ports.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world.close())

/** Runs the preStop hook like a kubelet, with the container's variables. Resolves to its exit code. */
async function hook(variables: Record<string, string>): Promise<number> {
  // In the image, the folder declares its scripts as modules.
  const cwd = await mkdtemp(join(tmpdir(), 'branchline-leave-'))
  onTestFinished(() => rm(cwd, { recursive: true }))
  await writeFile(join(cwd, 'package.json'), '{"type":"module"}\n')
  const [, ...args] = LEAVE_COMMAND
  const child = spawn(process.execPath, args, { cwd, stdio: 'ignore', env: variables })
  const [code] = (await once(child, 'exit')) as [number]
  return code
}

test('the preStop hook moves persistent connections to other pods, while the pod still serves new ones', async () => {
  const { port, sidecar } = await world.pod({ appPort: await world.app('baseline') })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  expect((await ask(port, { agent })).headers.connection).not.toBe('close')
  // A pod's address is not loopback on a cluster, so the hook calls 127.0.0.1.
  const variables = { POD_IP: '10.1.2.3', BRANCHLINE_ADMIN_PORT: String(sidecar.adminPort) }
  expect(await hook(variables)).toBe(0)
  expect(await ask(port, { agent })).toMatchObject({ status: 200, headers: { connection: 'close' } })
  expect(await ask(port, { agent })).toMatchObject({ status: 200, headers: { connection: 'close' } })
  expect(await ask(sidecar.adminPort, { path: '/readyz' })).toMatchObject({ status: 200 })
  agent.destroy()
})

test('in the embedded cluster the hook calls the loopback address of its own pod', async () => {
  const config = { hosts: ['127.0.0.5'] }
  const { sidecar } = await world.podWithoutTable({ appPort: await world.app('baseline'), config })
  const port = String(sidecar.adminPort)
  expect(await hook({ POD_IP: '127.0.0.5', BRANCHLINE_ADMIN_PORT: port })).toBe(0)
  expect(await hook({ POD_IP: '127.0.0.6', BRANCHLINE_ADMIN_PORT: port })).toBe(1)
})

test('the hook fails if the sidecar refuses it or is not running', async () => {
  const server = createServer((_, response) => response.writeHead(403).end()).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  expect(await hook({ POD_IP: '10.1.2.3', BRANCHLINE_ADMIN_PORT: String(port) })).toBe(1)
  expect(await hook({ POD_IP: '10.1.2.3', BRANCHLINE_ADMIN_PORT: String(DEAD_PORT) })).toBe(1)
})
