import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ClientError, createClient } from './client.ts'
import { problemType, refusal } from './problem.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const LIMITS = { retryMs: [1, 1] }
const SELF = { id: 'k', name: 'test', scopes: ['admin'] }

test('a call sends what the operation names, and returns the parsed body', async () => {
  const seen: unknown[] = []
  const url = await serve((request, response) => {
    seen.push(request.method, request.url, request.headers['authorization'], request.headers['if-match'])
    response.writeHead(204).end()
  })
  const client = createClient({ url, key: 'blk_x' })
  await client.deleteCircuit({ params: { key: 'session-42/jupyter' }, query: { drain: 5 }, ifMatch: 3 })
  expect(seen).toEqual(['DELETE', '/api/v1/circuits/session-42%2Fjupyter?drain=5', 'Bearer blk_x', '"3"'])
})

test('a problem document becomes an error with its type, status and detail', async () => {
  const { problem } = refusal('not-found', { detail: 'No circuit.' })
  const url = await serve((_request, response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
  })
  const call = createClient({ url }).getCircuit({ params: { key: 'a' } })
  await expect(call).rejects.toMatchObject({
    type: problemType('not-found'),
    status: 404,
    detail: 'No circuit.',
  })
})

test('a call that may be repeated is repeated while the API is unavailable', async () => {
  let calls = 0
  const url = await serve((_request, response) => {
    if (++calls < 3) response.writeHead(503).end('<html>')
    else response.writeHead(200).end(JSON.stringify(SELF))
  })
  expect(await createClient({ url, limits: LIMITS }).getSelf()).toEqual(SELF)
  expect(calls).toBe(3)
})

test('a POST is repeated with one idempotency key, a PATCH is not repeated', async () => {
  const keys: unknown[] = []
  const url = await serve((request, response) => {
    keys.push(request.headers['idempotency-key'])
    response.writeHead(503).end()
  })
  const client = createClient({ url, limits: LIMITS })
  await expect(client.createCircuit({ body: { key: 'a', frontend: { type: 'port' } } })).rejects.toThrow(
    ClientError,
  )
  expect(keys.length).toBe(3)
  expect(new Set(keys).size).toBe(1)
  await expect(client.patchCircuit({ params: { key: 'a' }, body: {} })).rejects.toThrow(/status 503/)
  expect(keys.length).toBe(4)
})

test('a response that takes too long or is not of the API is a ClientError that names the URL', async () => {
  const silent = await serve(() => undefined)
  const slow = createClient({ url: silent, limits: { attemptMs: 20, retryMs: [] } })
  await expect(slow.getSelf()).rejects.toThrow(/api\/v1\/self: no response within 20 ms/)
  const other = await serve((_request, response) => void response.end('{"hello":1}'))
  await expect(createClient({ url: other }).getSelf()).rejects.toThrow(/not of this API/)
})
