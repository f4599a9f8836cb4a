import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporaryFolder } from '../../../../process/temporary.ts'
import { cleanUp, later } from '../../../../testing/cleanups.ts'
import { until } from '../../../../testing/until.ts'
import { openConnection } from '../connection.ts'
import { DEFAULT_STORE_LIMITS } from '../limits.ts'
import { EmbeddedServer } from './server.ts'
import { findProcess } from './process-table.ts'

const TEMPLATES = join(homedir(), '.cache', 'branchline')

let root: string
let log: { msg: string; text?: string }[]
beforeEach(() => {
  root = temporaryFolder('embedded')
  log = []
  later(() => rmSync(root, { recursive: true, force: true }))
})
afterEach(cleanUp)

const logger = pino(
  { level: 'debug' },
  { write: (line: string) => void log.push(JSON.parse(line) as (typeof log)[number]) },
)

async function start(folder = join(root, 'postgres')): Promise<EmbeddedServer> {
  const server = await EmbeddedServer.start({
    folder,
    durable: false,
    templates: TEMPLATES,
    limits: { ...DEFAULT_STORE_LIMITS.embedded, restart: { firstMs: 10, maxMs: 50 } },
    logger,
  })
  later(() => server.stop())
  return server
}

async function query<Row extends object>(server: EmbeddedServer, text: string): Promise<Row[]> {
  const connection = await openConnection(server.address, DEFAULT_STORE_LIMITS)
  try {
    return await connection.query<Row>(text)
  } finally {
    connection.close()
  }
}

test('data survives a stop, and the server listens on its socket only', async () => {
  const first = await start()
  await query(first, 'create table public.kept as select 1 as n')
  await first.stop()
  const second = await start()
  expect(await query(second, 'select n from public.kept')).toEqual([{ n: 1 }])
  const settings = await query(second, `select setting from pg_settings where name = 'listen_addresses'`)
  expect(settings).toEqual([{ setting: '' }])
})

test('where the path is too long for a socket, it is in a temporary folder', async () => {
  const server = await start(join(root, 'x'.repeat(120)))
  expect(server.address.host.length).toBeLessThan(100)
  expect(await query(server, 'select 1 as n')).toEqual([{ n: 1 }])
  const socket = server.address.host
  await server.stop()
  expect(existsSync(socket)).toBe(false)
})

test('data of another major version is refused with what to do', async () => {
  const folder = join(root, 'postgres')
  mkdirSync(join(folder, 'data'), { recursive: true })
  writeFileSync(join(folder, 'data/PG_VERSION'), '15\n')
  await expect(start()).rejects.toMatchObject({
    code: 'BL_RELAY_EMBEDDED',
    message: expect.stringMatching(
      /written by PostgreSQL 15, and this is PostgreSQL \d+: use .* backup/,
    ) as string,
  })
})

test('a folder with other files is refused, and they stay', async () => {
  const folder = join(root, 'postgres')
  mkdirSync(join(folder, 'data'), { recursive: true })
  writeFileSync(join(folder, 'data/mine'), 'mine')
  await expect(start()).rejects.toThrow('exists, but is no data of PostgreSQL')
  expect(readFileSync(join(folder, 'data/mine'), 'utf8')).toBe('mine')
})

test('a folder that cannot be used is an error with its path', async () => {
  writeFileSync(join(root, 'file'), '')
  await expect(start(join(root, 'file/postgres'))).rejects.toThrow(
    `cannot use ${root}/file/postgres: ENOTDIR`,
  )
})

test('a folder in use by another relay is refused, and the other one goes on', async () => {
  const first = await start()
  await expect(start()).rejects.toThrow(`in use by another relay (process ${process.pid}): stop that relay`)
  expect(await query(first, 'select 1 as n')).toEqual([{ n: 1 }])
  // A refused start leaves no trace that would make the next one take the first for abandoned.
  await expect(start()).rejects.toThrow('in use by another relay')
})

test('two relays that start at once in a new folder do not damage each other', async () => {
  const results = await Promise.allSettled([start(), start()])
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  const [server] = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []))
  expect(await query(server as EmbeddedServer, 'select 1 as n')).toEqual([{ n: 1 }])
})

/** Starts a relay in a process of its own. Resolves with the process ids of the relay and its server. */
async function startOwner(env: NodeJS.ProcessEnv): Promise<{ owner: number; server: number }> {
  const script = join(import.meta.dirname, 'fixture/owner.ts')
  const child = spawn(process.execPath, [script, join(root, 'postgres'), TEMPLATES], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  later(() => child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const server = Number(await until(() => lines[0]))
  return { owner: child.pid as number, server }
}

test('the server ends with a relay that is killed', async () => {
  const { owner, server } = await startOwner(process.env)
  process.kill(owner, 'SIGKILL')
  expect(await until(() => findProcess(server) === undefined)).toBe(true)
  expect(await query(await start(), 'select 1 as n')).toEqual([{ n: 1 }])
})

test('a server that a killed relay left behind is stopped at the next start', async () => {
  const { owner, server } = await startOwner({ PATH: withoutShell() })
  await expect(start()).rejects.toThrow(`in use by another relay (process ${owner})`)
  process.kill(owner, 'SIGKILL')
  await until(() => findProcess(owner) === undefined)
  expect(findProcess(server)).toBeDefined()
  expect(await query(await start(), 'select 1 as n')).toEqual([{ n: 1 }])
  expect(findProcess(server)).toBeUndefined()
})

/** A PATH without a shell, so that nothing stops the server when its relay is killed. */
function withoutShell(): string {
  const path = join(root, 'bin')
  mkdirSync(path)
  const unshare = spawnSync('sh', ['-c', 'command -v unshare'], { encoding: 'utf8' }).stdout.trim()
  if (unshare !== '') symlinkSync(unshare, join(path, 'unshare'))
  return path
}

test('a process id that now belongs to another program does not block the start', async () => {
  const first = await start()
  const file = join(root, 'postgres/data/postmaster.pid')
  const text = readFileSync(file, 'utf8')
  await first.stop()
  writeFileSync(file, text.replace(/^\d+/, String(process.pid)))
  expect(await query(await start(), 'select 1 as n')).toEqual([{ n: 1 }])
})

test('a server that ends by itself is started again', async () => {
  const server = await start()
  const pid = server.pid as number
  process.kill(pid, 'SIGKILL')
  await until(() => server.pid !== pid && server.pid !== undefined)
  const answer = await until(() => query(server, 'select 1 as n').catch(() => undefined))
  expect(answer).toEqual([{ n: 1 }])
  expect(log.map(({ msg }) => msg)).toContain('the embedded PostgreSQL has ended and is started again')
})

test('the log contains no values of statements', async () => {
  const server = await start()
  await expect(query(server, `select 'top-secret'::uuid`)).rejects.toThrow('invalid input syntax')
  await query(server, 'create table public.t (s text unique)')
  await query(server, `insert into public.t values ('top-secret')`)
  await expect(query(server, `insert into public.t values ('top-secret')`)).rejects.toThrow('duplicate key')
  await server.stop()
  expect(log.some(({ text }) => text?.includes('ready to accept connections'))).toBe(true)
  expect(JSON.stringify(log)).not.toContain('top-secret')
})
