import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { explainRoute } from 'branchline/route/explain.ts'
import { explainText } from 'branchline/route/text.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { environmentOf, manifestsOf, type Program, RunningProgram } from '../harness/programs.ts'
import { note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'

/** Programs that forward the key in the headers of the W3C, or lose it. */
const PROGRAMS = join(import.meta.dirname, '../droppers')
const START_TIMEOUT_MS = 180_000
const STOP_TIMEOUT_MS = 60_000
const HIDDEN = 'this network does not show which pod calls (network namespaces do)'

interface Shape {
  readonly forward: 'w3c' | 'none'
  readonly calls: readonly string[]
  readonly jobMs?: number
}

function programOf(name: string, { forward, calls, jobMs }: Shape, version = '1'): Program {
  const upstreams = calls.map((callee) => `http://${callee}:8000/`).join(',')
  const env = {
    NAME: name,
    VERSION: version,
    FORWARD: forward,
    ...(upstreams !== '' && { UPSTREAM: upstreams }),
    ...(jobMs !== undefined && { JOB_MS: String(jobMs) }),
  }
  return {
    name,
    image: 'dropper',
    folder: PROGRAMS,
    command: 'node service.ts',
    env,
    port: 8000,
    appProtocol: 'http',
    ready: '/ready',
  }
}

describe('a service that loses the key', () => {
  /** How many visits, one a second, may pass until the service is named. */
  const MAX_VISITS = 15
  const front = programOf('front', { forward: 'w3c', calls: ['gateway'] })
  const gateway = (forward: Shape['forward']): Program => programOf('gateway', { forward, calls: ['orders'] })
  const orders = programOf('orders', { forward: 'w3c', calls: ['pricing'] })
  const pricing = (version: string): Program => programOf('pricing', { forward: 'none', calls: [] }, version)
  const base = (forward: Shape['forward']): string =>
    environmentOf('keys', []) +
    [front, gateway(forward), orders, pricing('1')].map((it) => manifestsOf('keys', it)).join('')
  let program: RunningProgram
  const said = (): Promise<string[]> => program.said('keys-alice', 'front')
  const whole = async (): Promise<void> => {
    expect(await said()).toEqual(['front 1', 'gateway 1', 'orders 1', 'pricing 1'])
  }

  beforeAll(async () => {
    program = await RunningProgram.start({
      keys: base('none'),
      'keys-alice': environmentOf('keys-alice', [front], 'keys') + manifestsOf('keys-alice', pricing('2')),
    })
    await program.ready('the whole path', whole)
  }, START_TIMEOUT_MS)
  afterAll(() => program?.stop(), STOP_TIMEOUT_MS)

  test('is named within a few requests, with what it called and the page to read', async ({ skip }) => {
    skip(!program.platform.showsCallers, HIDDEN)
    let visits = 0
    const named = async (): Promise<string> => {
      visits++
      await said()
      await delay(1_000)
      const message = await program.platform.unreached('keys-alice')
      if (message === undefined && visits < MAX_VISITS) return named()
      assert.ok(message, `not named after ${visits} visits`)
      return message
    }
    const message = await named()
    note(`after ${visits} visits: ${message}`)
    expect(message).toMatch(/^pricing was not reached with the key keys-alice: gateway \(keys\) received/)
    expect(message).toMatch(/called orders without it; .* docs\/propagation\.md$/)
    expect(await program.platform.unreached('keys')).toBeUndefined()
  })

  test('is named by route explain for one request', async ({ skip }) => {
    skip(!program.platform.showsCallers, HIDDEN)
    const explained = await explainRoute(await program.urlOf('keys-alice', 'front'))
    note(explainText(explained))
    expect(explained.missed).toEqual([{ override: 'pricing', by: 'gateway', called: 'orders' }])
    expect(explained.hops.map(({ service }) => service)).toEqual(['front', 'gateway'])
  })

  test('is no longer named once it forwards the key', async () => {
    await program.write('keys', base('w3c'))
    const { changeTimeoutMs } = program.platform
    const isReached = async (): Promise<void> => expect((await said()).at(-1)).toBe('pricing 2')
    await until('the override', isReached, changeTimeoutMs)
    const isOver = async (): Promise<void> =>
      expect(await program.platform.unreached('keys-alice')).toBeUndefined()
    await until('the end of the condition', isOver, changeTimeoutMs)
  })
})

describe('ten services that forward the key', () => {
  const LOAD_MS = process.env['BRANCHLINE_SLOW'] === '1' ? 60_000 : 10_000
  /** The calls of a service at an index. The first one also calls without a request, as jobs do. */
  const CALLS = [[1, 2], [3, 4], [5], [6], [], [7], [8], [9], [], []]
  const services = CALLS.map((calls, index) =>
    programOf(`s${index}`, {
      forward: 'w3c',
      calls: calls.map((callee) => `s${callee}`),
      ...(index === 0 && { jobMs: 900 }),
    }),
  )
  const entry = services[0] as Program
  const branchOf = (name: string, override: number): string =>
    environmentOf(name, [entry], 'ten') +
    manifestsOf(name, programOf(`s${override}`, { forward: 'w3c', calls: [] }, '2'))
  let program: RunningProgram
  const all = async (): Promise<void> => {
    expect(await program.said('ten', 's0')).toHaveLength(10)
    expect(await program.said('ten-ann', 's0')).toContain('s9 2')
    await program.urlOf('ten-bob', 's0')
  }

  beforeAll(async () => {
    program = await RunningProgram.start({
      ten: environmentOf('ten', [entry]) + services.map((it) => manifestsOf('ten', it)).join(''),
      'ten-ann': branchOf('ten-ann', 9),
      'ten-bob': branchOf('ten-bob', 8),
    })
    await program.ready('all paths', all)
  }, START_TIMEOUT_MS)
  afterAll(() => program?.stop(), STOP_TIMEOUT_MS)

  test(
    'raise no alarm under mixed load',
    async () => {
      const endAt = performance.now() + LOAD_MS
      const counts = { ann: 0, bob: 0, base: 0, keyless: 0 }
      const visitor = async (name: keyof typeof counts, visit: () => Promise<unknown>, pauseMs: number) => {
        while (performance.now() < endAt) {
          await visit()
          counts[name]++
          await delay(Math.random() * 2 * pauseMs)
        }
      }
      await Promise.all([
        visitor('ann', () => program.said('ten-ann', 's0'), 300),
        // His pages do not need the service that he overrides.
        visitor('bob', () => program.said('ten-bob', 's0', '/page'), 200),
        visitor('base', () => program.said('ten', 's0'), 500),
        visitor('keyless', () => program.platform.inside('ten', 's0', '/', {}), 500),
      ])
      // Until the last reports have been judged.
      await delay(5_000)
      note(JSON.stringify(counts))
      for (const name of ['ten', 'ten-ann', 'ten-bob']) {
        expect(await program.platform.unreached(name)).toBeUndefined()
      }
    },
    LOAD_MS + START_TIMEOUT_MS,
  )
})
