/** An override that breaks: no other version answers what it received, and the failure says what happened. */
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
  'an override that received a request and broke off is a 502 that names it under %s: no other version answers',
  async (rule) => {
    let asked = 0
    const dying = await world.tcpApp((socket) => socket.once('data', () => (asked++, socket.destroy())))
    const routes = { alice: target('alice', [dying], rule) }
    const { port } = await world.pod({ appPort: local, routes: { routes } })
    for (const method of ['GET', 'POST']) {
      asked = 0
      const answer = await ask(port, {
        method,
        headers: keyed('alice'),
        ...(method === 'POST' && { body: 'x' }),
      })
      expect(answer.status).toBe(502)
      const problem = JSON.parse(answer.text) as { detail: string }
      expect(problem).toMatchObject({ environment: 'alice', reason: 'closed' })
      expect(problem.detail).toContain(
        'api of the environment alice received the request and closed the connection before it answered',
      )
      // Under hold, one that is safe to repeat is sent to it once more.
      expect(asked).toBe(rule === 'hold' && method === 'GET' ? 2 : 1)
    }
  },
)

test('another endpoint of the same override answers what is safe to repeat, once', async () => {
  let asked = 0
  const dying = (): Promise<number> =>
    world.tcpApp((socket) => socket.once('data', () => (asked++, socket.destroy())))
  const both = { alice: target('alice', [await dying(), alice]) }
  const config = { balancing: 'round-robin' as const }
  const { port, route } = await world.pod({ appPort: local, routes: { routes: both }, config })
  expect((await see(port, { headers: keyed('alice') })).app).toBe('alice')
  await route({ routes: { alice: target('alice', [await dying(), await dying(), await dying()]) } })
  asked = 0
  expect((await ask(port, { headers: keyed('alice') })).status).toBe(502)
  expect(asked).toBe(2)
})

test('a bad answer is a 502 that says what was wrong, and so does one that is too large', async () => {
  const answers: Record<string, string> = {
    '/twice': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    '/large': `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(40_000)}\r\n\r\n`,
  }
  const odd = await world.tcpApp((socket) =>
    socket.on('data', (data) => socket.write(answers[/ (\S+) /.exec(data.toString())?.[1] ?? ''] ?? '')),
  )
  const { port } = await world.pod({ appPort: odd })
  expect(JSON.parse((await ask(port, { path: '/twice' })).text)).toMatchObject({
    status: 502,
    reason: 'bad-response',
    cause: 'two Content-Length fields',
    detail: expect.stringContaining(
      'sent an answer that is not valid HTTP (two Content-Length fields)',
    ) as string,
  })
  expect(JSON.parse((await ask(port, { path: '/large' })).text)).toMatchObject({
    status: 502,
    reason: 'too-large',
    detail: expect.stringContaining('is too large (a head of more than 32768 bytes)') as string,
  })
})
