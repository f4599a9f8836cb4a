/** Circuits with a port of their own, from REST to a TCP connection, in one process with both roles. */
import { createServer } from 'node:net'
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { freePort, listenOn } from '../testing/ports.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'
import { relayFor } from './fixture.ts'

afterEach(cleanUp)

test('a TCP circuit gets a port, says why its port cannot be opened, and frees it when it is removed', async () => {
  const app = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
  const to = await listenOn(app)
  later(() => app.close())
  const port = await freePort()
  const holder = createServer()
  await listenOn(holder, port)
  const relay = await relayFor({
    BRANCHLINE_PORTS: `${port}-${port}`,
    BRANCHLINE_ALLOW_TARGETS: '127.0.0.1',
  })
  const client = createClient({ url: `http://127.0.0.1:${relay.apiPort}`, key: relay.ownerKey ?? '' })
  const body = {
    key: 'ssh',
    frontend: { type: 'port' as const },
    backend: 'tcp' as const,
    access: { type: 'public' as const },
    targets: [{ address: `127.0.0.1:${to}` }],
  }
  await until(() => client.createCircuit({ body }).catch(() => undefined))
  const circuit = () => client.getCircuit({ params: { key: 'ssh' } })
  expect((await circuit()).port).toBe(port)
  await until(async () => (await circuit()).statusReason?.includes('EADDRINUSE'))
  holder.close()
  await until(async () => (await circuit()).status === 'HEALTHY')
  const visitor = new RawClient(port).send('hello')
  visitor.socket.end()
  expect(await visitor.ended()).toBe('hello')
  await client.deleteCircuit({ params: { key: 'ssh' }, query: { drain: 0 } })
  const next = createServer()
  later(() => next.close())
  await until(() =>
    listenOn(next, port).then(
      () => true,
      () => false,
    ),
  )
})
