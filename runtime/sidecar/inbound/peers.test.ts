/** Other gRPC implementations through a sidecar, with features that only they have: BDP pings and resets. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ask, goProgram, type Program, pythonProgram, serve } from '../../peers/programs.ts'
import { cleanUp, later } from '../../testing/cleanups.ts'
import { target, World } from '../fixture/world.ts'

const folder = join(import.meta.dirname, '../../peers')
const go = await goProgram(join(folder, 'go'))
const python = await pythonProgram(join(folder, 'python/peer.py'), ['grpc'])

let world: World
let address = ''
/** The sidecar of a branch without its own app, which sends everything to the sidecar of the app. */
let remote = ''
beforeAll(async () => {
  if ('missing' in go) return
  world = await World.create()
  const server = await serve(go)
  later(() => server.process.stdin?.end())
  const near = await world.pod({ appPort: server.port, protocol: 'grpc' })
  const routes = { own: [], routes: {}, base: target('base', [near.port]) }
  const far = await world.pod({ appPort: server.port, protocol: 'grpc', routes })
  address = `127.0.0.1:${near.port}`
  remote = `127.0.0.1:${far.port}`
})
afterAll(async () => {
  await cleanUp()
  await world?.close()
})

const skipped = (program: Program): string => ('missing' in program ? ` (skipped: ${program.missing})` : '')

const clients: [string, Program][] = [
  [`grpc-go${skipped(go)}`, go],
  [`grpcio${skipped(python)}`, python],
]

describe.each(clients)('%s', (_name, client) => {
  const missing = 'missing' in client || 'missing' in go

  test.skipIf(missing)('a response of 64 MB arrives', { timeout: 60_000 }, async () => {
    expect(await ask(client, 'big', address, 64_000_000)).toEqual({ bytes: 64_000_000, code: 'OK' })
  })

  test.skipIf(missing)('a stream of 200 messages a second stays open', { timeout: 60_000 }, async () => {
    expect(await ask(client, 'chat', address, 1_200, 200)).toEqual({ messages: 1_200, code: 'OK' })
  })

  test.skipIf(missing)(
    '200 short deadlines a second end each call, and no other',
    { timeout: 60_000 },
    async () => {
      const slow = ask(client, 'deadlines', address, 2_000, 200, 20)
      const other = await ask(client, 'chat', remote, 400, 100)
      expect(other).toEqual({ messages: 400, code: 'OK' })
      expect(await slow).toEqual({ codes: { DeadlineExceeded: 2_000 } })
    },
  )
})
