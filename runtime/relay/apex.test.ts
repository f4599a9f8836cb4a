/** The host without a label. The relay lists nothing itself, and forwards to a server that may. */
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { removeFolder } from '../testing/folder.ts'
import { relayFor, visit } from './fixture.ts'

afterEach(cleanUp)

async function socketPath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-apex-'))
  later(() => removeFolder(folder))
  return join(folder, 'index.sock')
}

/** A server on a Unix socket that responds with what it received. */
async function indexAt(path: string): Promise<void> {
  const server = createServer((request, response) => {
    response.end(JSON.stringify({ url: request.url, host: request.headers.host }))
  })
  await once(server.listen(path), 'listening')
  later(() => {
    server.closeAllConnections()
    server.close()
  })
}

test('without a server, the domain shows how previews are named, and no list, in the format that the client prefers', async () => {
  const variables = {
    BRANCHLINE_DOMAIN: 'preview.example.com',
    BRANCHLINE_PUBLIC_URL: 'https://preview.example.com',
  }
  const relay = await relayFor(variables)
  const host = 'Preview.example.com'
  const json = await visit(relay.httpPort, { host })
  expect(json.status).toBe(200)
  expect(JSON.parse(json.body)).toEqual({ previews: 'https://<preview>--<environment>.preview.example.com' })
  const html = await visit(relay.httpPort, { host, headers: { accept: 'text/html' } })
  expect(html.body).toContain('https://&lt;preview&gt;--&lt;environment&gt;.preview.example.com')
  expect(html.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
  const unknown = await visit(relay.httpPort, {
    host: 'x.preview.example.com',
    headers: { accept: 'text/html' },
  })
  expect(unknown.status).toBe(404)
  expect(unknown.body).not.toContain('<a ')
})

test('with a server, the domain and this machine lead there; other hosts do not, and their 404 links there', async () => {
  const path = await socketPath()
  await indexAt(path)
  const relay = await relayFor({ BRANCHLINE_INDEX: path })
  for (const host of ['localhost:8080', 'LOCALHOST', '127.0.0.1:8080', '[::1]:8080', 'localhost.']) {
    const { body } = await visit(relay.httpPort, { host, path: '/a?b=c' })
    expect(JSON.parse(body)).toEqual({ url: '/a?b=c', host })
  }
  // A page elsewhere may let a name of its own lead to 127.0.0.1 (DNS rebinding).
  for (const host of ['evil.example', 'a.localhost', 'localhost.evil.example', '127.0.0.2']) {
    expect(await visit(relay.httpPort, { host })).toMatchObject({ status: 404 })
  }
  const page = await visit(relay.httpPort, { host: 'a.localhost', headers: { accept: 'text/html' } })
  expect(page.body).toContain('<a href="http://localhost:8080/">All environments and previews</a>')
  const problem = await visit(relay.httpPort, { host: 'a.localhost' })
  expect(JSON.parse(problem.body)).toMatchObject({ reason: 'unknown-host', see: 'http://localhost:8080/' })
})

test('a server that does not respond is a 502 that says so', async () => {
  const relay = await relayFor({ BRANCHLINE_INDEX: await socketPath() })
  const reply = await visit(relay.httpPort, { host: 'localhost' })
  expect(reply.status).toBe(502)
  expect(JSON.parse(reply.body)).toMatchObject({ reason: 'index-unavailable' })
})
