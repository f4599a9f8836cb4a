import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Index, type IndexSource, serviceOf } from './model.ts'
import { type IndexServer, serveIndex } from './server.ts'

const HOSTILE = `<script>alert(1)</script>"'&\u001b[2J`

const source: IndexSource = {
  folder: `/shop ${HOSTILE}`,
  environments: () => [
    {
      name: 'baseline',
      namespace: 'shop',
      type: 'shared',
      overrides: [],
      ready: true,
      previews: [
        { environment: 'baseline', name: 'web', url: 'http://web--baseline.localhost:1/', ready: true },
      ],
    },
    {
      name: 'alice',
      namespace: 'alice',
      type: 'branch',
      base: 'baseline',
      overrides: ['pricing', HOSTILE],
      ready: false,
      message: `no endpoint ${HOSTILE}`,
      previews: [{ environment: 'alice', name: 'web', ready: false, message: HOSTILE }],
    },
  ],
  services: () => [
    { name: 'web', namespace: 'shop', ready: true, pods: ['web-1'] },
    {
      name: 'pricing',
      namespace: 'alice',
      ready: false,
      why: `exited ${HOSTILE}`,
      pods: ['pricing-1', 'pricing-2'],
    },
  ],
  problems: () => [
    {
      severity: 'error',
      file: 'a.yaml',
      line: 3,
      object: 'Deployment alice/pricing',
      message: `bad ${HOSTILE}`,
    },
  ],
  logs: (namespace, pod) =>
    (pod === 'web-1' ? written : [])
      .map((text) => ({ namespace, pod, container: 'app', text }))
      .concat(
        ['one', 'two', 'three', '', `\u001b[31m${HOSTILE}`].map((line) => {
          return { namespace, pod, container: 'app', text: line === '' ? '' : `${pod} ${line}` }
        }),
      ),
}
/** What web-1 has written before its usual lines. */
let written: readonly string[] = []

let folder: string
let server: IndexServer
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-index-'))
  server = await serveIndex(join(folder, 'i.sock'), source)
})
afterEach(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

async function read(path: string, accept?: string, method = 'GET') {
  const headers = accept === undefined ? {} : { accept }
  return new Promise<{ status: number | undefined; type: string | undefined; csp: unknown; body: string }>(
    (resolve, reject) => {
      const sent = request(
        { socketPath: join(folder, 'i.sock'), path, method, headers, agent: false },
        (response) => {
          const { statusCode: status, headers } = response
          const type = headers['content-type']
          const csp = headers['content-security-policy']
          text(response).then((body) => resolve({ status, type, csp, body }), reject)
        },
      )
      sent.once('error', reject).end()
    },
  )
}

test('the page shows environments, overrides, previews, problems and the last lines, and refreshes without JavaScript', async () => {
  const { status, type, csp, body } = await read('/', 'text/html')
  expect([status, type]).toEqual([200, 'text/html; charset=utf-8'])
  expect(csp).toContain("default-src 'none'")
  for (const part of [
    '<meta http-equiv="refresh"',
    '<h1>Environments</h1>',
    'branch of baseline',
    '<a href="http://web--baseline.localhost:1/">web--baseline.localhost:1/</a>',
    'a.yaml:3, Deployment alice/pricing',
    'web-1 two\nweb-1 three\n',
    'href="/logs/alice/pricing"',
    'href="/?updates=off"',
  ])
    expect(body).toContain(part)
})

test.each(['/', '/logs/alice/pricing'])(
  'no text of a manifest or an app becomes markup at %s',
  async (path) => {
    const { body } = await read(path, 'text/html')
    expect(body).toContain('&lt;script&gt;')
    expect(body).not.toMatch(/<script/i)
    expect(body).not.toContain('\u001b')
  },
)

test('programs get the same as JSON', async () => {
  const { type, body } = await read('/', 'application/json')
  expect(type).toBe('application/json')
  const index = JSON.parse(body) as Index
  expect(index.environments.map(({ name, overrides }) => [name, overrides[0]])).toEqual([
    ['baseline', undefined],
    ['alice', 'pricing'],
  ])
  expect(index.environments[1]?.services[0]).toMatchObject({ name: 'pricing', ready: false })
  expect(index.environments[0]?.services[0]?.pods[0]?.lines.slice(0, 2)).toEqual(['web-1 two', 'web-1 three'])
  expect(index.problems[0]?.text).toContain('a.yaml:3: Deployment alice/pricing: bad')
})

test('curl gets plain text without control characters', async () => {
  const { type, body } = await read('/', '*/*')
  expect(type).toBe('text/plain; charset=utf-8')
  expect(body).toContain('http://web--baseline.localhost:1/')
  expect(body).toContain('error: a.yaml:3: Deployment alice/pricing: bad <script>')
  expect(body).toContain('alice/pricing exited <script>')
  // oxlint-disable-next-line no-control-regex -- the pattern is for these characters
  expect(body).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
})

test('updates can be paused', async () => {
  for (const path of ['/', '/logs/alice/pricing']) {
    const { body } = await read(`${path}?updates=off`, 'text/html')
    expect(body).not.toContain('http-equiv')
    expect(body).toContain(`<a href="${path}">Resume updates</a>`)
  }
})

test('a page of output is bounded in bytes: it has the last lines that fit', async () => {
  written = Array.from({ length: 300 }, (_, index) => `line ${index} ${'é'.repeat(8_000)}`)
  const { body } = await read('/logs/shop/web', 'text/html')
  written = []
  expect(Buffer.byteLength(body)).toBeLessThan(300 * 1024)
  expect(body).toContain('web-1 one\n')
  expect(body).toContain('line 299 ')
  expect(body).not.toContain('line 280 ')
})

test('a last line that is too long is cut', () => {
  const one = {
    ...source,
    logs: () => [{ namespace: '', pod: '', container: 'app', text: 'éé'.repeat(100) }],
  }
  const service = serviceOf(one, 'shop', 'web', { lines: 3, bytes: 10 })
  expect(service?.pods[0]?.lines).toEqual(['ééééé…'])
})

test('other paths and methods are refused', async () => {
  for (const path of ['/x', '/logs/shop/none', '/logs/../x', '/logs/alice/%3Cb%3E', '//evil'])
    expect((await read(path)).status).toBe(404)
  expect((await read('/', undefined, 'POST')).status).toBe(405)
  expect(await read('/', 'text/html', 'HEAD')).toMatchObject({ status: 200, body: '' })
})
