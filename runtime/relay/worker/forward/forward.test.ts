import { request } from 'node:http'
import { type ForwardTarget, FORWARD_SUBPROTOCOL, parseForwardTarget } from '@branchline/wire/tunnel/forward'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { DEAD_PORT } from '../../../testing/ports.ts'
import { until } from '../../../testing/until.ts'
import { tcpUpstream } from '../../../transport/tcp.ts'
import { TunnelDialler, type TunnelLinkError, type TunnelStream } from '../../../tunnel/index.ts'
import { circuitOf, newToken, TestTable } from '../access/fixture.ts'
import { forwardWorker, type Open, tcpServer } from './fixture.ts'

afterEach(cleanUp)

const KEY = 'shop/db'
const circuits = new Map([[KEY, circuitOf({ type: 'token' }, { id: 'c-db', key: KEY, backend: 'tcp' })]])
const leadsTo =
  (port: number, over?: () => void): Open =>
  () => ({ upstreams: [tcpUpstream('127.0.0.1', port)], ...(over !== undefined && { over }) })

/** A client with a token. */
function dial(port: number, token: string, key = KEY) {
  const downs: TunnelLinkError[] = []
  const dialler = new TunnelDialler<ForwardTarget>({
    url: `ws://127.0.0.1:${port}/-branchline/tcp/${encodeURIComponent(key)}`,
    token,
    subprotocol: FORWARD_SUBPROTOCOL,
    readTarget: parseForwardTarget,
    limits: { backoff: { firstMs: 10, maxMs: 20 } },
    onOpen: () => {},
    onDown: (error) => {
      downs.push(error)
      dialler.stop()
    },
    onStream: () => {},
    onControl: () => {},
  })
  dialler.start()
  later(() => dialler.stop())
  return { dialler, downs }
}

/** Opens a stream, and records what happens to it. */
function record(stream: TunnelStream<ForwardTarget>) {
  const seen = { text: '', opened: false, ended: false, error: undefined as Error | undefined, closed: false }
  stream.receiver = {
    onOpen: () => void (seen.opened = true),
    onData: (data) => void (seen.text += data.toString('latin1')),
    onEnd: () => void (seen.ended = true),
    onDrain: () => {},
    onClose: (error) => Object.assign(seen, { closed: true, error }),
  }
  return seen
}

test('bytes pass in both directions, and an end of one direction leaves the other open (half-close)', async () => {
  const { port: app } = await tcpServer((socket) => {
    let text = ''
    socket.on('data', (data) => (text += data.toString('latin1')))
    socket.on('end', () => socket.end(`got ${text.length}`))
  })
  const table = new TestTable()
  let done = 0
  const worker = await forwardWorker(
    table,
    circuits,
    leadsTo(app, () => done++),
  )
  const { dialler } = dial(worker.port, table.add({ circuits: ['c-db'] }))
  const link = await until(() => dialler.link)
  const stream = link.open({ circuit: KEY })
  const seen = record(stream)
  await until(() => seen.opened)
  stream.write(Buffer.alloc(300_000, 'x'))
  stream.end()
  await until(() => seen.closed)
  expect(seen).toMatchObject({ text: 'got 300000', ended: true, error: undefined })
  await until(() => done === 1)
})

test.each([
  ['no token', () => '', KEY, 401],
  ['an unknown token', () => newToken(), KEY, 401],
  ['a token of another circuit', (table: TestTable) => table.add({ circuits: ['c-web'] }), KEY, 401],
  ['an unknown circuit', (table: TestTable) => table.add({ circuits: ['c-db'] }), 'shop/none', 401],
])('%s is refused, and keys cannot be found out', async (_, token, key, status) => {
  const table = new TestTable()
  const worker = await forwardWorker(table, circuits, leadsTo(DEAD_PORT))
  const { downs } = dial(worker.port, token(table), key)
  await until(() => downs.length > 0)
  expect(downs[0]?.status).toBe(status)
})

test('the allow-list of the circuit applies', async () => {
  const table = new TestTable()
  const closed = new Map([[KEY, circuitOf({ type: 'public', allow: ['10.0.0.0/8'] }, { key: KEY })]])
  const worker = await forwardWorker(table, closed, leadsTo(DEAD_PORT))
  const { downs } = dial(worker.port, table.add())
  await until(() => downs.length > 0)
  expect(downs[0]?.status).toBe(403)
})

test('a cookie opens no link, so that no page can', async () => {
  const table = new TestTable()
  const worker = await forwardWorker(table, circuits, leadsTo(DEAD_PORT))
  const cookie = `branchline=${table.addSession({ circuit: 'c-db' })}`
  const path = `/-branchline/tcp/${encodeURIComponent(KEY)}`
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  request({ port: worker.port, path, headers: { cookie } }, (response) => {
    response.resume()
    resolve(response.statusCode)
  }).end()
  expect(await promise).toBe(401)
})

test('when the token is revoked, the link and its connections end', async () => {
  const { port: app } = await tcpServer((socket) => socket.write('hello'))
  const table = new TestTable()
  const worker = await forwardWorker(table, circuits, leadsTo(app), { limits: { recheckMs: 10 } })
  const { dialler, downs } = dial(worker.port, table.add({ circuits: ['c-db'] }))
  const seen = record((await until(() => dialler.link)).open({ circuit: KEY }))
  await until(() => seen.text === 'hello')
  table.credentials = new Map()
  await until(() => downs.length > 0 && seen.closed)
  expect(downs[0]?.status).toBe(4006)
})

test('a stream is reset where the circuit has no target that connects, no room, or is another one', async () => {
  const table = new TestTable()
  let opened: ReturnType<Open> = { upstreams: [tcpUpstream('127.0.0.1', DEAD_PORT)] }
  const worker = await forwardWorker(table, circuits, () => opened)
  const { dialler } = dial(worker.port, table.add({ circuits: ['c-db'] }))
  const link = await until(() => dialler.link)
  const resetOf = async (circuit = KEY): Promise<unknown> => {
    const seen = record(link.open({ circuit }))
    await until(() => seen.closed)
    return seen.error
  }
  expect(await resetOf()).toMatchObject({ fault: 'broken', message: 'no target accepted the connection' })
  opened = 'the circuit has 5 connections, its limit'
  expect(await resetOf()).toMatchObject({
    fault: 'refused',
    message: 'the circuit has 5 connections, its limit',
  })
  expect(await resetOf('shop/web')).toMatchObject({ fault: 'forbidden' })
})

test('clients of one circuit are bounded, and a place is free again once one has left', async () => {
  const table = new TestTable()
  const worker = await forwardWorker(table, circuits, leadsTo(DEAD_PORT), { limits: { circuitClients: 1 } })
  const token = table.add({ circuits: ['c-db'] })
  const first = dial(worker.port, token)
  await until(() => first.dialler.link)
  const second = dial(worker.port, token)
  await until(() => second.downs.length > 0)
  expect(second.downs[0]?.status).toBe(503)
  first.dialler.stop()
  await until(async () => {
    const { dialler, downs } = dial(worker.port, token)
    return await until(() => dialler.link !== undefined || downs.length > 0).then(() => downs.length === 0)
  })
})
