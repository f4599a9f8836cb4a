import { createServer } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { listenOn } from '../../../testing/ports.ts'
import { RawClient } from '../../../testing/raw-client.ts'
import { circuitOf, serve, TestTable } from './fixture.ts'

afterEach(cleanUp)

/** An app that responds with the head that it got, and two cookies. */
async function echo(): Promise<number> {
  const app = createServer((request, response) => {
    response.setHeader('set-cookie', ['a=1', 'b=2'])
    response.setHeader('connection', 'close')
    response.end(JSON.stringify([request.method, request.url, ...request.rawHeaders]))
  })
  later(() => app.close())
  return await listenOn(app)
}

async function exchange(port: number, ...lines: string[]): Promise<string> {
  const text = [...lines, 'Host: web.localhost', 'Connection: close', '', ''].join('\r\n')
  return await new RawClient(port).send(text).ended()
}

test('no credential of ours reaches the app, and everything else does', async () => {
  const table = new TestTable()
  const circuit = circuitOf({ type: 'organization' })
  const port = await serve(table.access(), () => circuit, await echo())
  const [query, field, bearer] = [table.add(), table.add(), table.add()]
  const session = table.addSession()
  const response = await exchange(
    port,
    `POST /a?b=1&branchline-token=${query}&c HTTP/1.1`,
    'Content-Length: 0',
    `X-Branchline-Token: ${field}`,
    `Authorization: Bearer ${bearer}`,
    'Authorization: Basic YTpi',
    'Cookie: a=1',
    `Cookie: b="2"; branchline=${session};c=3`,
    'Origin: http://web.localhost',
  )
  expect(response).toMatch(/^HTTP\/1\.1 200/)
  for (const secret of [query, field, bearer, session]) expect(response).not.toContain(secret)
  expect(response).toContain('["POST","/a?b=1&c"')
  expect(response).toContain('"authorization","Basic YTpi","cookie","a=1","cookie","b=\\"2\\";c=3"')
  // All Set-Cookie lines of the app arrive.
  expect(response.match(/set-cookie: .*/gi)).toHaveLength(2)
})

test('a changed rule takes effect with the next request of an open connection', async () => {
  const table = new TestTable()
  let circuit = circuitOf({ type: 'public' })
  const port = await serve(table.access(), () => circuit, await echo())
  const client = new RawClient(port)
  const request = 'GET / HTTP/1.1\r\nHost: web.localhost\r\n\r\n'
  client.send(request)
  await client.until((text) => text.includes('HTTP/1.1 200'))
  circuit = circuitOf({ type: 'token' }, { version: 2 })
  client.send(request)
  expect(await client.until((text) => text.includes('HTTP/1.1 401'))).not.toContain('HTTP/1.1 401 OK')
})
