/** Where the owner's API key and the join token of a relay come from, in processes of their own. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createClient } from '@branchline/wire/circuits/client'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, later } from '../testing/cleanups.ts'
import { removeFolder } from '../testing/folder.ts'
import { until } from '../testing/until.ts'
import { addressesFile } from './addresses-file.ts'
import { RelayProcess } from './fixture-process.ts'
import { parseGivenToken, parseOwnerKey } from './owner-key.ts'

const run = promisify(execFile)

afterEach(cleanUp)

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'branchline-owner-'))
  later(() => removeFolder(path))
  return path
}

const RANDOM = '0123456789abcdef0123456789abcdef'
const keysOf = async (url: string, key: string) => (await createClient({ url, key }).listKeys({})).items

test('with `none` no key is made, and --new-owner-key makes one in the database of the relay that runs', async () => {
  const variables = { BRANCHLINE_STATE_DIR: await folder(), BRANCHLINE_OWNER_KEY: 'none' }
  const { addresses } = await RelayProcess.start({ ...variables, BRANCHLINE_ROLE: 'coordinator' })
  expect(addresses.key).toBeUndefined()
  const env = { PATH: process.env['PATH'], BRANCHLINE_ROLE: 'coordinator', ...variables }
  const main = join(import.meta.dirname, 'main.ts')
  const { stdout } = await run(process.execPath, [main, '--new-owner-key'], { env })
  expect(stdout).toMatch(/^blk_\S{43}\n$/)
  expect(await keysOf(addresses.api, stdout.trim())).toMatchObject([{ name: 'owner', scopes: ['admin'] }])
})

test('without a terminal the key is in a file that only this user can read, and never in the log', async () => {
  const state = await folder()
  const env = {
    PATH: process.env['PATH'],
    POD_IP: '127.0.0.1',
    BRANCHLINE_ROLE: 'coordinator',
    BRANCHLINE_STATE_DIR: state,
    BRANCHLINE_API_PORT: '0',
    BRANCHLINE_ADMIN_PORT: '0',
  }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], { env })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (log += String(text)))
  const ended = once(child, 'exit')
  later(async () => void (child.kill('SIGTERM') && (await ended)))
  const file = addressesFile(state)
  await until(() => log.includes(file))
  const { api, key } = JSON.parse(await readFile(file, 'utf8')) as { api: string; key: string }
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await keysOf(api, key)).toMatchObject([{ name: 'owner' }])
  expect(log).not.toContain(key)
})

test('--new-owner-key says that no relay runs there', async () => {
  const env = {
    PATH: process.env['PATH'],
    BRANCHLINE_ROLE: 'coordinator',
    BRANCHLINE_STATE_DIR: await folder(),
  }
  const main = join(import.meta.dirname, 'main.ts')
  await expect(run(process.execPath, [main, '--new-owner-key'], { env })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('No relay runs with its PostgreSQL in') as string,
  })
})

test('a given key replaces the one that was given before, and workers join with a given token', async () => {
  const state = await folder()
  const given = (key: string, token: string) => ({
    BRANCHLINE_ROLE: 'coordinator',
    BRANCHLINE_STATE_DIR: state,
    BRANCHLINE_OWNER_KEY: key,
    BRANCHLINE_JOIN_TOKEN: token,
  })
  const first = await RelayProcess.start(given(`blk_${RANDOM}`, `blj_${RANDOM}`))
  expect(first.addresses.key).toBeUndefined()
  expect(await keysOf(first.addresses.api, `blk_${RANDOM}`)).toHaveLength(1)
  await RelayProcess.start({
    BRANCHLINE_ROLE: 'worker',
    BRANCHLINE_WORKER_NAME: 'one',
    BRANCHLINE_COORDINATORS: first.addresses.api,
    BRANCHLINE_JOIN_TOKEN: `blj_${RANDOM}`,
  })
  const client = createClient({ url: first.addresses.api, key: `blk_${RANDOM}` })
  await until(async () => (await client.listWorkers({})).items.some(({ name }) => name === 'one'))
  await first.end()
  const second = await RelayProcess.start(given(`blk_f${RANDOM}`, `blj_f${RANDOM}`))
  const { api } = second.addresses
  await expect(keysOf(api, `blk_${RANDOM}`)).rejects.toMatchObject({ status: 401 })
  const other = createClient({ url: api, key: `blk_f${RANDOM}` })
  const tokens = (await other.listJoinTokens({})).items
  expect(tokens.filter(({ revokedAt }) => revokedAt === undefined)).toHaveLength(1)
  expect(tokens).toHaveLength(2)
})

test('keys and tokens that can be guessed are refused, without their text', () => {
  expect(parseOwnerKey('none')).toBe('none')
  expect(parseOwnerKey(`blk_${RANDOM}`)).toEqual({ secret: `blk_${RANDOM}` })
  for (const text of ['blk_secret', RANDOM, `blj_${RANDOM}`, '']) {
    expect(() => parseOwnerKey(text)).toThrow(/^wanted blk_ and at least 32 random letters/)
  }
  expect(() => parseGivenToken(`blk_${RANDOM}`, 'blj_')).toThrow(/^wanted blj_/)
})
