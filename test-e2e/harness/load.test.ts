import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { until } from '@branchline/runtime/testing/until'
import { afterEach, expect, test } from 'vitest'
import { startLoad } from './load.ts'

/** Proves that the load counts faults: a server produces each kind of fault. */
const RIGHT = JSON.stringify({ hops: [{ service: 'web', environment: 'alice' }], products: [] })
const WRONG = JSON.stringify({ hops: [{ service: 'web', environment: 'bob' }], products: [] })
const CONNECTIONS = 4

let server: http.Server
const connections = new Set<unknown>()
const hosts = new Set<string | undefined>()

async function serve(answer: (count: number, response: http.ServerResponse) => void): Promise<string> {
  let count = 0
  server = http.createServer((request, response) => {
    connections.add(request.socket)
    hosts.add(request.headers.host)
    answer(++count, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `localhost:${(server.address() as AddressInfo).port}`
}

afterEach(() => {
  connections.clear()
  hosts.clear()
  server.closeAllConnections()
  server.close()
})

test('all courses share all connections, and right responses are not faults', async () => {
  const at = await serve((_count, response) => response.end(RIGHT))
  const courses = ['a', 'b', 'c'].map((name) => ({ url: `http://${name}.${at}`, paths: ['web@alice'] }))
  const load = startLoad(courses, CONNECTIONS)
  await until(() => load.requests() > 100)
  expect(await load.stop()).toMatchObject({ wrong: 0, failed: 0 })
  expect(connections.size).toBe(CONNECTIONS)
  expect(hosts.size).toBe(3)
})

test('counts and names one wrong hop among many', async () => {
  const at = await serve((count, response) => response.end(count === 50 ? WRONG : RIGHT))
  const load = startLoad([{ url: `http://a.${at}`, paths: ['web@alice'] }], CONNECTIONS)
  await until(() => load.requests() > 60)
  const result = await load.stop()
  expect(result).toMatchObject({ wrong: 1, failed: 0 })
  expect(result.samples[0]).toContain('took web@bob, wanted web@alice')
})

test('another status, a cut response and a closed connection are failures', async () => {
  const at = await serve((count, response) => {
    if (count === 10) response.writeHead(502).end('no')
    else if (count === 20) response.destroy()
    else if (count === 30)
      response.writeHead(200, { 'content-length': 500 }).write('{', () => response.destroy())
    else response.end(RIGHT)
  })
  const load = startLoad([{ url: `http://a.${at}`, paths: ['web@alice'] }], CONNECTIONS)
  await until(() => load.requests() > 60)
  expect(await load.stop()).toMatchObject({ wrong: 0, failed: 3 })
})

test('while routes change, only the old path and the new path are right', async () => {
  const at = await serve((_count, response) => response.end(WRONG))
  const course = { url: `http://a.${at}`, paths: ['web@alice', 'web@bob'] }
  const load = startLoad([course], CONNECTIONS)
  await until(() => load.requests() > 20)
  course.paths = ['web@carol']
  const before = load.requests()
  await until(() => load.requests() > before + 40)
  const { wrong, failed } = await load.stop()
  expect(wrong).toBeGreaterThan(20)
  expect(failed).toBe(0)
})
