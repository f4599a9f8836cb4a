import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../process/temporary.ts'
import { cleanUp, later } from '../testing/cleanups.ts'
import { freePort } from '../testing/ports.ts'
import { RawClient } from '../testing/raw-client.ts'
import { until } from '../testing/until.ts'
import { tcpUpstream, unixUpstream } from '../transport/tcp.ts'
import { type TestServer, testServer } from './coordinator/store/fixture.ts'
import { circuitOf, TestTable } from './worker/access/fixture.ts'
import { forwardWorker, tcpServer } from './worker/forward/fixture.ts'

const run = promisify(execFile)
const KEY = 'shop/db'
const circuits = new Map([[KEY, circuitOf({ type: 'token' }, { id: 'c-db', key: KEY, backend: 'tcp' })]])

const has = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
const hasPsql = has('psql')
const sshd = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path))
const hasSsh = sshd !== undefined && has('ssh') && has('ssh-keygen')
if (!hasPsql) process.stdout.write('skipped: there is no psql, install postgresql-client\n')
if (!hasSsh) process.stdout.write('skipped: there is no ssh or sshd, install openssh-server\n')

let database: TestServer | undefined
beforeAll(async () => {
  if (hasPsql) database = await testServer()
})
afterEach(cleanUp)
afterAll(() => database?.stop())

/** A running `branchline circuit forward`. */
interface Command {
  readonly child: ChildProcess
  readonly lines: string[]
  /** Resolves with the local port once the relay is connected. */
  port(): Promise<number>
}

function forwardCommand(relayPort: number, token: string, key = KEY): Command {
  const lines: string[] = []
  const args = ['cli/main.ts', 'circuit', 'forward', key, '--relay', `http://127.0.0.1:${relayPort}`]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, BRANCHLINE_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  later(() => child.kill('SIGKILL'))
  for (const output of [child.stdout, child.stderr])
    createInterface({ input: output }).on('line', (line) => lines.push(line))
  const port = () =>
    until(
      () =>
        Number(
          /^127\.0\.0\.1:(\d+) leads to/.exec(lines.find((line) => line.startsWith('127.')) ?? '')?.[1] ?? 0,
        ) || undefined,
      () => lines.join('\n'),
    )
  return { child, lines, port }
}

test.skipIf(!hasPsql)(
  'psql works through circuit forward, also with a result of some megabytes',
  async () => {
    const address = await database?.database()
    if (address === undefined || !('host' in address)) throw new Error('no database')
    const table = new TestTable()
    const { port: relay } = await forwardWorker(table, circuits, () => ({
      upstreams: [unixUpstream(join(address.host, `.s.PGSQL.${address.port}`))],
    }))
    const port = await forwardCommand(relay, table.add({ circuits: ['c-db'] })).port()
    const sql = `select repeat('x', 3000000); select 1 + 1`
    const uri = `postgresql://${address.user}@127.0.0.1:${port}/${address.database}?sslmode=disable`
    const { stdout } = await run('psql', ['-XAtq', '-c', sql, uri], { maxBuffer: 16 * 1024 * 1024 })
    expect(stdout.split('\n').map((line) => line.length)).toEqual([3_000_000, 1, 0])
  },
)

test.skipIf(!hasSsh)('ssh works through circuit forward', async () => {
  const folder = temporaryFolder('ssh')
  for (const name of ['host', 'client'])
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
  await run('cp', [join(folder, 'client.pub'), join(folder, 'authorized')])
  mkdirSync('/run/sshd', { recursive: true })
  const port = await freePort()
  const config = join(folder, 'config')
  writeFileSync(
    config,
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${join(folder, 'host')}`,
      `AuthorizedKeysFile ${join(folder, 'authorized')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PermitRootLogin yes',
    ].join('\n'),
  )
  const server = spawn(sshd ?? '', ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  later(() => server.kill('SIGKILL'))
  let log = ''
  server.stderr.on('data', (data: Buffer) => (log += data.toString()))
  await until(
    () => log.includes('Server listening'),
    () => log,
  )
  const table = new TestTable()
  const { port: relay } = await forwardWorker(table, circuits, () => ({
    upstreams: [tcpUpstream('127.0.0.1', port)],
  }))
  const local = await forwardCommand(relay, table.add({ circuits: ['c-db'] })).port()
  const { stdout } = await run('ssh', [
    '-p',
    String(local),
    '-i',
    join(folder, 'client'),
    '-F',
    'none',
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'BatchMode=yes',
    '127.0.0.1',
    'printf hello; head -c 1000000 /dev/zero | wc -c',
  ])
  expect(stdout).toMatch(/^hello\s*1000000\n$/)
})

test('a local connection waits while the relay restarts, and what was open is cut', async () => {
  const { port: app } = await tcpServer((socket) => socket.pipe(socket))
  const table = new TestTable()
  const open = () => ({ upstreams: [tcpUpstream('127.0.0.1', app)] })
  const port = await freePort()
  const first = await forwardWorker(table, circuits, open, { port })
  const command = forwardCommand(port, table.add({ circuits: ['c-db'] }))
  const local = await command.port()
  const before = new RawClient(local).send('before')
  await before.until((text) => text === 'before')
  await first.stop()
  await before.ended()
  const after = new RawClient(local).send('after')
  await forwardWorker(table, circuits, open, { port })
  await after.until((text) => text === 'after')
  expect(command.lines.join('\n')).toMatch(/the next attempt is in/)
})

test('a refused token ends the command with the reason, and Ctrl-C ends it in order', async () => {
  const table = new TestTable()
  const { port } = await forwardWorker(table, circuits, () => ({ upstreams: [] }))
  const token = table.add({ circuits: ['c-other'] })
  const refused = forwardCommand(port, token)
  await until(() => refused.child.exitCode !== null)
  expect(refused.child.exitCode).toBe(1)
  expect(refused.lines.join('\n')).toMatch(/^shop\/db: the token does not open it/)
  expect(refused.lines.join('\n')).not.toContain(token)
  const command = forwardCommand(port, table.add({ circuits: ['c-db'] }))
  await command.port()
  command.child.kill('SIGINT')
  await until(() => command.child.exitCode !== null)
  expect(command.child.exitCode).toBe(0)
})
