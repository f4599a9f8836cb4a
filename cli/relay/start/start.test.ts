/** Starts that fail, in a process of their own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { cleanUp, later } from '@branchline/runtime/testing/cleanups'
import { removeFolder } from '@branchline/runtime/testing/folder'
import { afterEach, expect, test } from 'vitest'
import { configOf } from './config.ts'

afterEach(cleanUp)

test('a worker whose port for clusters is in use says so, and ends', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'branchline-start-'))
  later(() => removeFolder(folder))
  const token = join(folder, 'join-token')
  await writeFile(token, `blj_${'x'.repeat(43)}`)
  const other = createServer().listen(0, '127.0.0.1')
  later(() => new Promise((resolve) => other.close(resolve)))
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const options = `--role worker --coordinator http://127.0.0.1:1 --host 127.0.0.1 --http 0 --tunnel ${port}`
  const files = ['--state', folder, '--join-token-file', token]
  const main = join(import.meta.dirname, '../../main.ts')
  const child = spawn(process.execPath, [main, 'relay', ...options.split(' '), ...files])
  later(async () => void child.kill('SIGKILL'))
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit') as Promise<[number]>])
  expect(said).toContain(`port ${port} is in use by another program`)
  expect(code).toBe(1)
})

test('a coordinator refuses a range of ports, which only workers have', async () => {
  await expect(configOf({ role: 'coordinator', ports: '30000-30999' })).rejects.toMatchObject({
    code: 'BL_USAGE',
    message: '--ports: a coordinator has no ports: give the range to its workers',
  })
})
