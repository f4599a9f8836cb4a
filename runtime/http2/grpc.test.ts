import { once } from 'node:events'
import * as grpc from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import type { Route } from '../proxy/decision.ts'
import { tcpUpstream } from '../transport/tcp.ts'
import { call, client, ECHO, grpcApp, grpcClient, hop, metadataOf } from './fixture.ts'
import { cleanUp } from '../testing/cleanups.ts'
import { until } from '../testing/until.ts'

afterEach(cleanUp)

type Unary = grpc.handleUnaryCall<Buffer, Buffer>
type Collect = grpc.handleClientStreamingCall<Buffer, Buffer>
type Stream = grpc.handleServerStreamingCall<Buffer, Buffer>
type Chat = grpc.handleBidiStreamingCall<Buffer, Buffer>

const echo = (name: string): grpc.UntypedServiceImplementation => ({
  unary: ((call, callback) => {
    call.sendMetadata(metadataOf({ 'x-app': name, 'x-seen': String(call.metadata.get('x-asked')) }))
    callback(null, Buffer.concat([Buffer.from(`${name}:`), call.request]), metadataOf({ 'x-last': 'yes' }))
  }) satisfies Unary,
  collect: ((call, callback) => {
    const parts: Buffer[] = []
    call.on('data', (part: Buffer) => parts.push(part))
    call.on('end', () => callback(null, Buffer.concat(parts)))
  }) satisfies Collect,
  stream: ((call) => {
    for (let index = 0; index < Number(call.request); index++) call.write(Buffer.from(`${index}`))
    call.end(metadataOf({ 'x-last': 'yes' }))
  }) satisfies Stream,
  chat: ((call) => {
    call.on('data', (part: Buffer) => call.write(part))
    call.on('end', () => call.end())
    call.on('error', () => {})
  }) satisfies Chat,
})

const codeOf = (promise: Promise<unknown>): Promise<grpc.ServiceError> =>
  promise.then(
    () => {
      throw new Error('it succeeded')
    },
    (error: unknown) => error as grpc.ServiceError,
  )

test('all four kinds of calls, with metadata in both directions and status in trailers', async () => {
  const { port, reports } = await hop((await grpcApp(echo('app'))).port)
  const client = grpcClient(port)

  const seen: Record<string, unknown> = {}
  const unary = await new Promise<Buffer>((resolve, reject) => {
    const running = client.unary(Buffer.from('hi'), metadataOf({ 'x-asked': 'me' }), {}, (error, response) =>
      error === null ? resolve(response) : reject(error),
    )
    running.on('metadata', (metadata) => Object.assign(seen, metadata.getMap()))
    running.on('status', (status) => Object.assign(seen, { code: status.code }, status.metadata.getMap()))
  })
  expect(unary.toString()).toBe('app:hi')
  await until(() => 'code' in seen)
  expect(seen).toMatchObject({ 'x-app': 'app', 'x-seen': 'me', 'x-last': 'yes', code: 0 })

  const collected = await new Promise<Buffer>((resolve, reject) => {
    const running = client.collect(metadataOf({}), (error, response) =>
      error === null ? resolve(response) : reject(error),
    )
    for (const part of ['a', 'b', 'c']) running.write(Buffer.from(part))
    running.end()
  })
  expect(collected.toString()).toBe('abc')

  const streamed: string[] = []
  const stream = client.stream(Buffer.from('500'), metadataOf({}))
  stream.on('data', (part: Buffer) => streamed.push(part.toString()))
  const [status] = (await once(stream, 'status')) as [grpc.StatusObject]
  expect(status.metadata.get('x-last')).toEqual(['yes'])
  expect(streamed).toEqual(Array.from({ length: 500 }, (_, index) => `${index}`))

  const chat = client.chat(metadataOf({}))
  for (const word of ['one', 'two', 'three']) {
    chat.write(Buffer.from(word))
    const [response] = (await once(chat, 'data')) as [Buffer]
    expect(response.toString()).toBe(word)
  }
  chat.end()
  await once(chat, 'status')
  await until(() => reports.length === 4)
  for (const report of reports) expect(report).toMatchObject({ status: 200, error: undefined })
})

test('an app’s own status, message and details pass unchanged', async () => {
  const { port } = await hop(
    (
      await grpcApp({
        ...echo('app'),
        unary: ((_call, callback) => {
          const metadata = metadataOf({ 'x-why': 'no' })
          metadata.set('grpc-status-details-bin', Buffer.from([0, 1, 255]))
          callback({ code: grpc.status.FAILED_PRECONDITION, details: 'ünfit', metadata })
        }) satisfies Unary,
      })
    ).port,
  )
  const error = await codeOf(call(grpcClient(port), Buffer.from('x')))
  expect(error).toMatchObject({ code: grpc.status.FAILED_PRECONDITION, details: 'ünfit' })
  expect(error.metadata.get('x-why')).toEqual(['no'])
  expect(error.metadata.get('grpc-status-details-bin')).toEqual([Buffer.from([0, 1, 255])])
})

test('an unknown method is the app’s UNIMPLEMENTED, and does not hang', async () => {
  const { port } = await hop((await grpcApp({})).port)
  const error = await codeOf(call(grpcClient(port), Buffer.from('x'), {}, { deadline: Date.now() + 5_000 }))
  expect(error.code).toBe(grpc.status.UNIMPLEMENTED)
})

test('a deadline passes on, and a call that it ends is cancelled at the app', async () => {
  let timeout = ''
  let cancelled = 0
  const { port, engine } = await hop(
    (
      await grpcApp({
        ...echo('app'),
        unary: ((call) => {
          timeout = String(call.getDeadline())
          call.on('cancelled', () => cancelled++)
        }) satisfies Unary,
      })
    ).port,
  )
  const error = await codeOf(call(grpcClient(port), Buffer.from('x'), {}, { deadline: Date.now() + 200 }))
  expect(error.code).toBe(grpc.status.DEADLINE_EXCEEDED)
  expect(timeout).not.toBe('Infinity')
  await until(() => cancelled === 1 && engine.streams === 0)
})

test('a call that its client cancels is cancelled at the app, in the middle of its messages', async () => {
  let cancelled = 0
  const { port, reports } = await hop(
    (
      await grpcApp({
        ...echo('app'),
        stream: ((call) => {
          call.write(Buffer.from('first'))
          call.on('cancelled', () => cancelled++)
        }) satisfies Stream,
      })
    ).port,
  )
  const stream = grpcClient(port).stream(Buffer.from('x'), metadataOf({}))
  stream.on('error', () => {})
  await once(stream, 'data')
  stream.cancel()
  await until(() => cancelled === 1 && reports.length === 1)
  expect(reports[0]?.error?.code).toBe('BL_HTTP_CLIENT_GONE')
})

test('messages of 16 MiB pass in both directions, unchanged', async () => {
  const { port } = await hop((await grpcApp(echo('app'))).port)
  const message = Buffer.alloc(16 * 1024 * 1024)
  for (let at = 0; at < message.length; at += 4) message.writeUInt32LE(at, at)
  const response = await call(grpcClient(port), message)
  expect(response.subarray(4).equals(message)).toBe(true)
})

test('a slow reader pauses its writer, and no other', async () => {
  const part = Buffer.alloc(64 * 1024)
  let written = 0
  const { port } = await hop(
    (
      await grpcApp({
        ...echo('app'),
        stream: ((call) => {
          const more = (): void => {
            while (written < 1_000) {
              written++
              if (!call.write(part)) return void call.once('drain', more)
            }
            call.end()
          }
          more()
        }) satisfies Stream,
      })
    ).port,
  )
  // grpc-js reads ahead without a limit, so this reader does not use it.
  const session = client(port)
  const stream = session.request({
    ':method': 'POST',
    ':path': ECHO.stream.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.end(Buffer.from([0, 0, 0, 0, 0]))
  await once(stream, 'response')
  const quick = grpcClient(port)
  let before = -1
  const moved = (): boolean => before !== written || written === 0
  // It is still once it has not moved while other calls passed.
  while (moved()) {
    before = written
    for (let index = 0; index < 20; index++) await call(quick, Buffer.from('x'))
  }
  expect(written).toBeLessThan(20)
  let read = 0
  const trailers = once(stream, 'trailers') as Promise<[Record<string, string>]>
  stream.on('data', (data: Buffer) => (read += data.length))
  await once(stream, 'end')
  expect((await trailers)[0]['grpc-status']).toBe('0')
  expect(read).toBe(1_000 * (part.length + 5))
})

const byKey =
  (ports: Record<string, number>): Route =>
  (head) => {
    const key = head.get('tracestate')?.replace('branchline=', '') ?? 'base'
    return { candidates: [{ upstream: tcpUpstream('127.0.0.1', ports[key] ?? 0) }] }
  }

test('5,000 calls of one channel each go where their own key says', async () => {
  const [alice, bob] = await Promise.all([grpcApp(echo('alice')), grpcApp(echo('bob'))])
  const { port, engine } = await hop(byKey({ alice: alice.port, bob: bob.port }))
  const client = grpcClient(port)
  let wrong = 0
  let next = 0
  const caller = async (): Promise<void> => {
    for (let index = next++; index < 5_000; index = next++) {
      const key = index % 3 === 0 ? 'alice' : 'bob'
      const response = await call(client, Buffer.from(`${index}`), { tracestate: `branchline=${key}` })
      if (response.toString() !== `${key}:${index}`) wrong++
    }
  }
  await Promise.all(Array.from({ length: 50 }, caller))
  expect(wrong).toBe(0)
  expect(engine.connections).toBe(1)
  expect(engine.upstreamConnections).toBe(2)
})

test('an upstream that dies within a call is UNAVAILABLE, before and after its first message', async () => {
  const app = await grpcApp({
    ...echo('app'),
    unary: (() => {}) satisfies Unary,
    stream: ((call) => void call.write(Buffer.from('first'))) satisfies Stream,
  })
  const { port } = await hop(app.port)
  const client = grpcClient(port)
  const stream = client.stream(Buffer.from('x'), metadataOf({}))
  const streamError = once(stream, 'error') as Promise<[grpc.ServiceError]>
  const unaryError = codeOf(call(client, Buffer.from('x')))
  await once(stream, 'data')
  app.server.forceShutdown()
  // It resets its calls (CANCEL) if it still can.
  expect([grpc.status.UNAVAILABLE, grpc.status.CANCELLED]).toContain((await streamError)[0].code)
  expect([grpc.status.UNAVAILABLE, grpc.status.CANCELLED]).toContain((await unaryError).code)
  const late = await codeOf(call(client, Buffer.from('x')))
  expect(late).toMatchObject({ code: grpc.status.UNAVAILABLE })
  expect(late.details).toContain('cannot be reached')
})

test('a decision without a candidate, and a reply, become gRPC statuses', async () => {
  const nowhere = await hop(() => ({ candidates: [] }))
  expect(await codeOf(call(grpcClient(nowhere.port), Buffer.from('x')))).toMatchObject({ code: 14 })
  const reply = await hop((head) => ({ status: 403, body: `${head.get('accept')}: nö\n` }))
  expect(await codeOf(call(grpcClient(reply.port), Buffer.from('x')))).toMatchObject({
    code: grpc.status.PERMISSION_DENIED,
    details: 'text/plain: nö',
  })
})

test('stop finishes running calls, and an app that restarts gracefully loses none', async () => {
  let finish: (() => void) | undefined
  const slow: grpc.UntypedServiceImplementation = {
    ...echo('old'),
    unary: ((call, callback) => (finish = () => callback(null, call.request))) satisfies Unary,
  }
  const [old, next] = await Promise.all([grpcApp(slow), grpcApp(echo('new'))])
  const ports = { base: old.port }
  const { port, engine, listener } = await hop((head, client) => byKey(ports)(head, client), {
    limits: { drainMs: 10_000 },
  })
  const client = grpcClient(port)
  const running = call(client, Buffer.from('kept'))
  await until(() => finish !== undefined)
  const down = new Promise((resolve) => old.server.tryShutdown(resolve))
  ports.base = next.port
  expect((await call(client, Buffer.from('x'))).toString()).toBe('new:x')
  listener.stop()
  const stopped = engine.stop()
  await until(() => client.getChannel().getConnectivityState(false) !== grpc.connectivityState.READY)
  finish?.()
  expect((await running).toString()).toBe('kept')
  await Promise.all([down, stopped])
  expect(engine.connections).toBe(0)
})
