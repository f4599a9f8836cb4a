import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { expect, test } from 'vitest'
import { systemSentence } from './system-errors.ts'

const PROGRAM = 'no-such-program'
const failure = async (attempt: () => Promise<unknown>): Promise<unknown> => {
  try {
    await attempt()
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

test('a file that does not exist', async () => {
  const error = await failure(() => readFile('/nowhere/at/all'))
  expect(systemSentence(error)).toBe('/nowhere/at/all does not exist: check the path')
})

test('a program that is not installed', async () => {
  const [error] = (await once(spawn(PROGRAM), 'error')) as [Error]
  expect(systemSentence(error)).toBe(`${PROGRAM} is not installed, or not on the PATH: install it`)
})

test('a server that refuses, also as the cause of a fetch', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const error = await failure(() => fetch(`http://127.0.0.1:${port}/`))
  expect(systemSentence(error, 'https://api.example')).toBe(
    `https://api.example (127.0.0.1:${port}) refuses connections: check the address, and that the server runs`,
  )
})

test('a port in use', async () => {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const [error] = (await once(net.createServer().listen(port, '127.0.0.1'), 'error')) as [Error]
  expect(systemSentence(error)).toContain(`port ${port} is in use by another program`)
  await new Promise((resolve) => server.close(resolve))
})

test('another error has no sentence', () => {
  expect(systemSentence(new Error('x'))).toBeUndefined()
  expect(systemSentence(Object.assign(new Error('x'), { code: 'BL_TARGET' }))).toBeUndefined()
  expect(systemSentence('x')).toBeUndefined()
})
