/**
 * Clients that look like attackers and are not: gRPC clients ping as often as data arrives, callers with short
 * deadlines reset most of their streams, and people abandon downloads.
 */
import { constants } from 'node:http2'
import { afterEach, expect, test } from 'vitest'
import { app, ask, client, frame, FRAME, GET, hop, literals, RawClient } from './fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

const request = (streamId: number, flags: number, fields: Record<string, string> = GET): Buffer =>
  frame(FRAME.headers, flags, streamId, literals(fields))
const reset = (streamId: number): Buffer => frame(FRAME.rstStream, 0, streamId, Buffer.from([0, 0, 0, 8]))
const PING = frame(FRAME.ping, 0, 0, Buffer.alloc(8))

test('a PING for each message that arrives ends nothing, however many there are', async () => {
  const { port } = await app((stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  const { port: at } = await hop(port, { limits: { controlBurst: 10, controlsPerSecond: 1 } })
  const pinging = new RawClient(at)
  pinging.send(request(1, 4, { ...GET, ':method': 'POST' }))
  for (let count = 1; count <= 500; count++) {
    pinging.send(frame(FRAME.data, 0, 1, 'x'))
    await until(() => pinging.of(FRAME.data).length === count)
    pinging.send(PING)
  }
  await until(() => pinging.of(FRAME.ping).length === 500)
  expect(pinging.goaway).toBeUndefined()
})

test('callers whose deadlines end before the app responds keep their connection', async () => {
  let cancelled = 0
  const { port } = await app((stream) => void stream.on('close', () => cancelled++), {
    maxConcurrentStreams: 1_000,
  })
  const { port: at, engine } = await hop(port, {
    limits: { earlyResetMs: 0, resetBurst: 5, resetsPerSecond: 1 },
  })
  const caller = new RawClient(at)
  for (let count = 0; count < 500; count++) {
    const streamId = 2 * count + 1
    caller.send(request(streamId, 5))
    await until(() => engine.streams === 1)
    caller.send(reset(streamId))
    await until(() => engine.streams === 0)
  }
  await until(() => cancelled > 400)
  expect([caller.closed, caller.goaway]).toEqual([false, undefined])
})

test('200 early resets a second for ten seconds are within the defaults', async () => {
  const { DEFAULT_HTTP2_LIMITS: limits } = await import('./limits.ts')
  const { Allowance } = await import('./allowance.ts')
  const allowance = new Allowance(limits, 0)
  const reasons = Array.from({ length: 2_000 }, (_, index) => allowance.earlyReset(index * 5))
  expect(reasons.every((reason) => reason === undefined)).toBe(true)
  expect(allowance.refuses(10_000)).toBe(false)
})

test('many resets move an upstream connection to a new one before the app ends it', async () => {
  const { port, sessions } = await app((stream, { ':path': path }) => {
    if (path === '/') stream.respond({ ':status': 200 }, { endStream: true })
  })
  const { port: at, engine, reports } = await hop(port, { limits: { upstreamResets: 50 } })
  const caller = client(at)
  const statuses = new Set<unknown>()
  const seen = new Set<unknown>()
  for (let count = 0; count < 120; count++) {
    const slow = caller.request({ ':path': '/slow' })
    slow.on('error', () => {})
    statuses.add((await ask(caller)).headers[':status'])
    for (const session of sessions) seen.add(session)
    slow.close(constants.NGHTTP2_CANCEL)
    await until(() => engine.streams === 0)
  }
  expect([...statuses]).toEqual([200])
  expect(seen.size).toBe(3)
  expect(reports.filter(({ error }) => error?.code === 'BL_HTTP_CLIENT_GONE')).toHaveLength(120)
})
