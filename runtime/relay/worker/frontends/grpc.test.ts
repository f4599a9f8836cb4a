/** gRPC from end to end: clients of grpc-js and grpc-go through a relay and a tunnel. */
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import { goProgram, ask as askPeer, serve } from '../../../peers/programs.ts'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import { ALICE, relayTo } from './fixture.ts'

afterEach(cleanUp)

const bytes = (buffer: Buffer): Buffer => buffer
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
})
const ECHO = {
  say: method('Say', false, false),
  chat: method('Chat', true, true),
  wait: method('Wait', false, true),
}

interface Server {
  readonly endpoint: string
  readonly cancelled: string[]
  readonly metadata: grpc.Metadata[]
}

/** `Say` echoes or fails as the message says, `Chat` echoes, `Wait` sends one message and waits until it is cancelled. */
async function echoServer(): Promise<Server> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
  const cancelled: string[] = []
  const metadata: grpc.Metadata[] = []
  server.addService(ECHO, {
    say: ((call, callback) => {
      metadata.push(call.metadata)
      const trailers = new grpc.Metadata()
      trailers.set('x-sum', '42')
      if (call.request.toString() === 'fail')
        callback({ code: grpc.status.NOT_FOUND, details: 'keine grüße', metadata: trailers })
      else callback(null, call.request, trailers)
    }) satisfies grpc.handleUnaryCall<Buffer, Buffer>,
    chat: ((call) => {
      call.on('data', (message: Buffer) => call.write(message))
      call.on('end', () => call.end())
      call.on('error', () => {})
    }) satisfies grpc.handleBidiStreamingCall<Buffer, Buffer>,
    wait: ((call) => {
      call.on('cancelled', () => cancelled.push(call.request.toString()))
      call.write(Buffer.from('first'))
    }) satisfies grpc.handleServerStreamingCall<Buffer, Buffer>,
  })
  later(() => server.forceShutdown())
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return { endpoint: `127.0.0.1:${port}`, cancelled, metadata }
}

function channel(port: number): grpc.Client {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': ALICE,
    'grpc.max_receive_message_length': -1,
    'grpc.enable_http_proxy': 0,
  })
  later(() => client.close())
  return client
}

const say = (client: grpc.Client, message: Buffer, metadata = new grpc.Metadata()): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + 30_000 }
    client.makeUnaryRequest(ECHO.say.path, bytes, bytes, message, metadata, options, (error, answer) =>
      error === null ? resolve(answer as Buffer) : reject(error),
    )
  })

// A port that declares nothing, and one that declares its protocol.
describe.each([undefined, 'grpc'] as const)('a port of the protocol %s', (protocol) => {
  const previewOf = protocol === undefined ? {} : { preview: { protocol } }

  test('calls of one channel arrive with the key of the host, and their statuses and trailers return', async () => {
    const server = await echoServer()
    const { relay } = await relayTo(server.endpoint, previewOf)
    const client = channel(relay.httpPort)
    const metadata = new grpc.Metadata()
    metadata.set('tracestate', 'branchline=bob')
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, index) => say(client, Buffer.from(String(index)), metadata)),
    )
    expect(all.map(String)).toEqual(Array.from({ length: 100 }, (_, index) => String(index)))
    expect(server.metadata.every((seen) => String(seen.get('tracestate')) === 'branchline=alice')).toBe(true)
    const error = await say(client, Buffer.from('fail')).catch(
      (reason: unknown) => reason as grpc.ServiceError,
    )
    expect(error).toMatchObject({ code: grpc.status.NOT_FOUND, details: 'keine grüße' })
    expect((error as grpc.ServiceError).metadata.get('x-sum')).toEqual(['42'])
  })

  test('large messages pass in both directions', async () => {
    const { relay } = await relayTo((await echoServer()).endpoint, previewOf)
    const message = Buffer.alloc(5_000_000, 'x')
    expect((await say(channel(relay.httpPort), message)).equals(message)).toBe(true)
  })

  test('a cancelled call and one whose deadline is over end at the app', async () => {
    const { cancelled, endpoint } = await echoServer()
    const { relay } = await relayTo(endpoint, previewOf)
    const client = channel(relay.httpPort)
    const call = client.makeServerStreamRequest(ECHO.wait.path, bytes, bytes, Buffer.from('cancelled'))
    call.on('error', () => {}).once('data', () => call.cancel())
    await until(() => cancelled.includes('cancelled'))
    const late = client.makeServerStreamRequest(ECHO.wait.path, bytes, bytes, Buffer.from('late'), {
      deadline: Date.now() + 300,
    })
    const error = await new Promise<grpc.ServiceError>((resolve) => {
      late.on('error', (reason) => resolve(reason as grpc.ServiceError)).resume()
    })
    expect(error.code).toBe(grpc.status.DEADLINE_EXCEEDED)
    await until(() => cancelled.includes('late'))
  })
})

const go = await goProgram(join(import.meta.dirname, '../../../peers/go'))
const skipped = 'missing' in go ? ` (skipped: ${go.missing})` : ''

test.skipIf('missing' in go)(`grpc-go calls a server of grpc-go through a relay${skipped}`, async () => {
  const server = await serve(go)
  later(() => server.process.stdin?.end())
  const { relay } = await relayTo(`127.0.0.1:${server.port}`, { preview: { protocol: 'grpc' } })
  const address = `127.0.0.1:${relay.httpPort}`
  process.env['PEER_AUTHORITY'] = ALICE
  later(() => void delete process.env['PEER_AUTHORITY'])
  expect(await askPeer(go, 'big', address, 16_000_000)).toEqual({ bytes: 16_000_000, code: 'OK' })
  expect(await askPeer(go, 'chat', address, 200, 100)).toEqual({ messages: 200, code: 'OK' })
  expect(await askPeer(go, 'deadlines', address, 200, 100, 20)).toEqual({ codes: { DeadlineExceeded: 200 } })
})
