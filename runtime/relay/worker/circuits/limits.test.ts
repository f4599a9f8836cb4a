import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp } from '../../../testing/cleanups.ts'
import { appFor, visit } from '../../fixture.ts'
import { apps, circuitOf, seenIn, targetAt, workerWith } from './fixture.ts'

afterEach(cleanUp)

describe('limits', () => {
  test('requests per second: 429 with Retry-After, in the format that the client accepts', async () => {
    const [one = ''] = await apps('one')
    const { port } = await workerWith([
      circuitOf('x', [targetAt('t', one)], { limits: { requestsPerSecond: 1 } }),
    ])
    expect((await visit(port, { host: 'x.localhost' })).status).toBe(200)
    const { status, headers, body } = await visit(port, {
      host: 'x.localhost',
      headers: { accept: 'text/html' },
    })
    expect([status, headers['retry-after'], headers['content-type']]).toEqual([
      429,
      '1',
      'text/html; charset=utf-8',
    ])
    expect(body).toContain('limits.requestsPerSecond')
  })

  test('a body: by its length before anything is sent, and in a stream when it exceeds the limit', async () => {
    let arrived = 0
    const { endpoint } = await appFor((incoming, response) => {
      arrived++
      incoming.resume().on('end', () => response.end('ok'))
    })
    const { port } = await workerWith([
      circuitOf('x', [targetAt('t', endpoint)], { limits: { bodyBytes: 10 } }),
    ])
    const post = { host: 'x.localhost', method: 'POST' }
    expect((await visit(port, { ...post, body: '0123456789' })).body).toBe('ok')
    const declared = await visit(port, { ...post, body: '0123456789a' })
    expect([declared.status, arrived]).toEqual([413, 1])
    const streamed = await visit(port, {
      ...post,
      body: '0123456789a',
      headers: { 'transfer-encoding': 'chunked' },
    })
    expect(streamed.status).toBe(413)
    for (const { body } of [declared, streamed])
      expect(JSON.parse(body)).toMatchObject({
        type: 'urn:branchline:limit-body-bytes',
        limit: 'bodyBytes',
        value: 10,
      })
  })

  test('the time to the head of a response', async () => {
    const { endpoint } = await appFor(() => {})
    const { port } = await workerWith([
      circuitOf('x', [targetAt('t', endpoint)], { limits: { responseMs: 20 } }),
    ])
    const { status, body } = await visit(port, { host: 'x.localhost' })
    expect(status).toBe(504)
    expect(JSON.parse(body)).toMatchObject({ type: 'urn:branchline:limit-response-ms', value: 20 })
  })
})

test('the app sees the host, the path and the fields that the circuit says, and the visitor’s forwarded fields', async () => {
  const [one = ''] = await apps('one')
  const { port } = await workerWith([
    circuitOf('plain', [targetAt('t', one)]),
    circuitOf('x', [targetAt('t', one)], {
      rewrite: {
        host: 'target',
        pathPrefix: '/base',
        headers: {
          'X-Team': 'a',
          'content-length': '0',
          'x-branchline-key': 'k',
          'x-forwarded-for': 'forged',
        },
      },
    }),
  ])
  const headers = {
    'x-forwarded-for': '1.2.3.4',
    'x-team': 'theirs',
    'x-branchline-token': 'secret',
    x_forwarded_host: 'y',
  }
  const plain = seenIn(await visit(port, { host: 'plain.localhost', path: '/a?b', headers }))
  expect(plain.url).toBe('/a?b')
  expect(plain.headers).toMatchObject({
    host: 'plain.localhost',
    'x-team': 'theirs',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'plain.localhost',
    'x-forwarded-proto': 'http',
    forwarded: 'for=127.0.0.1;host="plain.localhost";proto=http',
  })
  expect(plain.headers).not.toHaveProperty('x-branchline-token')
  expect(plain.headers).not.toHaveProperty('x_forwarded_host')
  const rewritten = seenIn(
    await visit(port, { host: 'x.localhost', path: '/a?b', method: 'POST', body: 'xyz', headers }),
  )
  expect(rewritten.url).toBe('/base/a?b')
  expect(rewritten.headers).toMatchObject({
    host: one,
    'x-team': 'a',
    'content-length': '3',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'x.localhost',
  })
  expect(rewritten.headers).not.toHaveProperty('x-branchline-key')
})
