/** An override that breaks: no other version responds to a request that it received, and the error says what happened. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ask, keyed, see, target, World } from '../fixture/world.ts'

let world: World
let local: number
let alice: number
beforeEach(async () => {
  world = await World.create()
  ;[local, alice] = await Promise.all([world.app('baseline'), world.app('alice')])
})
afterEach(() => world.close())

test.each(['baseline', 'hold', 'fail'] as const)(
  'an override that received a request and closed is a 502 that names it under %s, and no other version responds',
  async (rule) => {
    let received = 0
    const dying = await world.tcpApp((socket) => socket.once('data', () => (received++, socket.destroy())))
    const routes = { alice: target('alice', [dying], rule) }
    const { port } = await world.pod({ appPort: local, routes: { routes } })
    for (const method of ['GET', 'POST']) {
      received = 0
      const reply = await ask(port, {
        method,
        headers: keyed('alice'),
        ...(method === 'POST' && { body: 'x' }),
      })
      expect(reply.status).toBe(502)
      const problem = JSON.parse(reply.text) as { detail: string }
      expect(problem).toMatchObject({ environment: 'alice', reason: 'closed' })
      expect(problem.detail).toContain(
        'api of the environment alice received the request and closed the connection before it responded',
      )
      // Under hold, a request that is safe to repeat is sent to it once more.
      expect(received).toBe(rule === 'hold' && method === 'GET' ? 2 : 1)
    }
  },
)

test('another endpoint of the same override gets a request that is safe to repeat, once', async () => {
  let received = 0
  const dying = (): Promise<number> =>
    world.tcpApp((socket) => socket.once('data', () => (received++, socket.destroy())))
  const both = { alice: target('alice', [await dying(), alice]) }
  const config = { balancing: 'round-robin' as const }
  const { port, route } = await world.pod({ appPort: local, routes: { routes: both }, config })
  expect((await see(port, { headers: keyed('alice') })).app).toBe('alice')
  await route({ routes: { alice: target('alice', [await dying(), await dying(), await dying()]) } })
  received = 0
  expect((await ask(port, { headers: keyed('alice') })).status).toBe(502)
  expect(received).toBe(2)
})

test('a response that is invalid or too large is a 502 that says what was wrong', async () => {
  const replies: Record<string, string> = {
    '/twice': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    '/large': `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(40_000)}\r\n\r\n`,
  }
  const odd = await world.tcpApp((socket) =>
    socket.on('data', (data) => socket.write(replies[/ (\S+) /.exec(data.toString())?.[1] ?? ''] ?? '')),
  )
  const { port } = await world.pod({ appPort: odd })
  expect(JSON.parse((await ask(port, { path: '/twice' })).text)).toMatchObject({
    status: 502,
    reason: 'bad-response',
    cause: 'two Content-Length fields',
    detail: expect.stringContaining(
      'sent a response that is not valid HTTP (two Content-Length fields)',
    ) as string,
  })
  expect(JSON.parse((await ask(port, { path: '/large' })).text)).toMatchObject({
    status: 502,
    reason: 'too-large',
    detail: expect.stringContaining('is too large (a head of more than 32768 bytes)') as string,
  })
})
