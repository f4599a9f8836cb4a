import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { serveAdmin } from './admin.ts'

let reason: string | undefined
const server = await serveAdmin({
  host: '127.0.0.1',
  port: 0,
  notReady: () => reason,
  metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
  dumps: { '/table': () => ({ epoch: 1 }) },
})
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

afterEach(() => {
  reason = undefined
})

test('it is alive, and ready where nothing speaks against it', async () => {
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  reason = 'no table yet'
  const response = await fetch(`${url}/readyz`)
  expect(response.status).toBe(503)
  expect(await response.text()).toBe('no table yet\n')
})

test('metrics and dumps', async () => {
  expect(await (await fetch(`${url}/metrics`)).text()).toBe('up 1\n')
  expect(await (await fetch(`${url}/table?x`)).json()).toEqual({ epoch: 1 })
})

test('other paths and methods are refused', async () => {
  expect((await fetch(`${url}/other`)).status).toBe(404)
  expect((await fetch(`${url}/livez`, { method: 'POST' })).status).toBe(405)
})
