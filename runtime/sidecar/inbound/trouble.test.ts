/** A response to a request that no app served says what the manager knows about the pods. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DEAD_PORT } from '../../testing/ports.ts'
import { ask, keyed, target, World } from '../fixture/world.ts'

let world: World
beforeEach(async () => {
  world = await World.create()
})
afterEach(() => world.close())

const trouble = 'exited with code 1: DB_URL is not set'

test('the app of the pod is gone: people and programs learn why, until it is back', async () => {
  const { port, route } = await world.pod({ appPort: DEAD_PORT, routes: { trouble } })
  const problem = await ask(port)
  expect(problem.status).toBe(502)
  expect(JSON.parse(problem.text)).toMatchObject({ environment: 'baseline', service: 'api', cause: trouble })
  const page = await ask(port, { headers: { accept: 'text/html' } })
  expect(page.text).toContain(`api of the environment baseline could not be reached (${trouble})`)
  await route({ trouble: undefined })
  expect(JSON.parse((await ask(port)).text)).not.toHaveProperty('cause')
})

test('an override is gone: the error names its trouble, not that of this pod', async () => {
  const appPort = await world.app('baseline')
  const alice = { ...target('alice', [], 'fail'), trouble }
  const bob = target('bob', [DEAD_PORT], 'fail')
  const { port } = await world.pod({ appPort, routes: { routes: { alice, bob }, trouble: 'is not asked' } })
  const reply = await ask(port, { headers: keyed('alice') })
  expect(JSON.parse(reply.text)).toMatchObject({
    environment: 'alice',
    reason: 'no-endpoint',
    cause: trouble,
  })
  expect(JSON.parse((await ask(port, { headers: keyed('bob') })).text)).not.toHaveProperty('cause')
})
