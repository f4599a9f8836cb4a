import { once } from 'node:events'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { environmentOf, manifestsOf, type Program, RunningProgram } from '../harness/programs.ts'
import { note } from '../harness/test-stories.ts'
import { GREETER, STREAMED } from '../grpc/contract.ts'

/** A gRPC service and its caller, see ../grpc. The branch changes only the service. */
const FOLDER = join(import.meta.dirname, '../grpc')
const CALLS = 2000
const CALLS_TIMEOUT_MS = 60_000

const caller: Program = {
  name: 'caller',
  image: 'caller',
  folder: FOLDER,
  command: 'node caller.ts',
  port: 8000,
  appProtocol: 'http',
  ready: '/ready',
}
const greeter = (version: string): Program => ({
  name: 'greeter',
  image: 'greeter',
  folder: FOLDER,
  command: 'node greeter.ts',
  env: { VERSION: version },
  port: 9090,
  appProtocol: 'grpc',
})

interface Report {
  readonly connections: number
  readonly failed: readonly string[]
  readonly answered: Readonly<Record<string, Readonly<Record<string, number>>>>
}

let program: RunningProgram
const called = (environment: string, calls: number, keys: string): Promise<Report> =>
  program.said(environment, 'caller', `/?calls=${calls}&keys=${keys}`, CALLS_TIMEOUT_MS)

async function bothAnswer(): Promise<void> {
  const { answered } = await called('calls', 6, ',new-greeter')
  expect(answered).toEqual({ '': { 1: 3 }, 'new-greeter': { 2: 3 } })
}

beforeAll(async () => {
  const calls = environmentOf('calls', [caller, greeter('1')]) + manifestsOf('calls', caller)
  program = await RunningProgram.start({
    calls: calls + manifestsOf('calls', greeter('1')),
    'new-greeter':
      environmentOf('new-greeter', [caller, greeter('2')], 'calls') +
      manifestsOf('new-greeter', greeter('2')),
  })
  await program.ready('both greeters', bothAnswer)
})
afterAll(() => program?.stop())

test('every gRPC call on one channel goes to its own branch', async () => {
  const startedAt = performance.now()
  const { connections, failed, answered } = await called('calls', CALLS, 'calls,new-greeter,,nobody')
  const ms = Math.round(performance.now() - startedAt)
  expect(failed).toEqual([])
  expect(answered).toEqual({
    calls: { 1: CALLS / 4 },
    'new-greeter': { 2: CALLS / 4 },
    '': { 1: CALLS / 4 },
    // A key that names no environment belongs to no branch.
    nobody: { 1: CALLS / 4 },
  })
  expect(connections).toBe(1)
  note(
    `${CALLS} calls, a third of each kind (unary, streaming in one direction, in both), 0 wrong, in ${ms} ms`,
  )
})

test('a call for a visitor goes to the branch that the visitor opened', async () => {
  const [baseline, branch] = await Promise.all([
    called('calls', 300, 'visitor'),
    called('new-greeter', 300, 'visitor'),
  ])
  expect(baseline).toMatchObject({ failed: [], answered: { visitor: { 1: 300 } } })
  expect(branch).toMatchObject({ failed: [], answered: { visitor: { 2: 300 } }, connections: 1 })
})

/** A gRPC client of a preview's URL. Only the authority names the preview. */
async function visitorOf(environment: string): Promise<grpc.Client> {
  const { host, hostname, port } = new URL(await program.urlOf(environment, 'greeter'))
  const address = hostname.endsWith('.localhost') ? '127.0.0.1' : hostname
  return new grpc.Client(`${address}:${port}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': host,
    'grpc.enable_http_proxy': 0,
  })
}
const deadline = (): grpc.CallOptions => ({ deadline: Date.now() + CALLS_TIMEOUT_MS })

test.each([
  ['calls', '1'],
  ['new-greeter', '2'],
])('a gRPC client reaches the greeter of %s through the URL of its preview', async (environment, version) => {
  const client = await visitorOf(environment)
  const { path, requestSerialize, responseDeserialize } = GREETER.greet
  const answer = await new Promise((resolve, reject) => {
    const done: grpc.requestCallback<string> = (error, text) =>
      error === null ? resolve(text) : reject(error)
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, 'hi', deadline(), done)
  })
  expect(answer).toBe(`${version} hi`)
  const call = client.makeBidiStreamRequest(
    GREETER.chat.path,
    requestSerialize,
    responseDeserialize,
    deadline(),
  )
  // Each word waits for the response to the previous one.
  for (let index = 0; index < STREAMED; index++) {
    const answered = once(call, 'data')
    call.write(`${index}`)
    expect((await answered)[0]).toBe(`${version} ${index}`)
  }
  const status = once(call, 'status') as Promise<[grpc.StatusObject]>
  call.end()
  call.resume()
  expect((await status)[0].code).toBe(grpc.status.OK)
  client.close()
})
