/**
 * The promises of the relay about circuits: PostgreSQL, two coordinators and two workers run as processes of their own,
 * and are killed while visitors send requests.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { ProblemError } from '@branchline/wire/circuits/problem'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { WebApp } from '../harness/relay/apps.ts'
import { type CircuitCreate, portCircuit, refusal, webCircuit } from '../harness/relay/circuits.ts'
import { Installation } from '../harness/relay/installation.ts'
import { type Steady, startSteady } from '../harness/relay/steady.ts'
import { echo, TcpClient } from '../harness/relay/visitors.ts'
import { chosenTarget, note } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'

/** Only Linux has all addresses of 127.0.0.0/8. The story is of processes, and has no cluster. */
const runs = process.platform === 'linux' && chosenTarget().name === 'embedded'
if (!runs) note('skipped: circuits run on the embedded target, on Linux')

/** The promised longest time until the circuits of a lost worker are live on another one. */
const LOST_MS = 15_000
const TIMEOUT_MS = 45_000

let relay: Installation
let one: string
let two: string
beforeEach(({ skip }) => skip(!runs))
beforeAll(async () => {
  if (!runs) return
  relay = await Installation.start()
  ;[one, two] = relay.hosts
})
afterAll(() => relay?.stop())

async function create(body: CircuitCreate, workers?: readonly string[]): Promise<void> {
  await relay.client().createCircuit({ body })
  await relay.serving(body.key, workers === undefined ? {} : { workers })
}

/** A connection to a port, which ends with the test. */
async function connected(host: string, port: number): Promise<TcpClient> {
  const client = await TcpClient.connect(host, port)
  onTestFinished(() => void client.socket.destroy())
  return client
}

/** Requests at both workers until the end of the test. */
function steady(label: string): Steady {
  const load = startSteady(relay.visitors, label, relay.hosts)
  onTestFinished(() => load.stop())
  return load
}

const failuresAt = (load: Steady, host: string): readonly unknown[] =>
  load.failures.filter((failure) => failure.host === host)

test('a client registers circuits over REST, and reaches them by subdomain and by port', async () => {
  const app = await relay.web('jupyter')
  const registered = await fetch(`${relay.apiOf()}/api/v1/circuits`, {
    method: 'POST',
    headers: { authorization: `Bearer ${relay.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      key: 'session-42/jupyter',
      frontend: { type: 'subdomain', label: 'jupyter-42' },
      access: { type: 'public' },
      targets: [{ id: 'a', address: app.address, weight: 3 }],
      balancing: 'round-robin',
    }),
  })
  const { port } = relay.visitors
  const url = `http://jupyter-42.localhost:${port}`
  expect(registered.status).toBe(201)
  expect(await registered.json()).toMatchObject({ key: 'session-42/jupyter', url, status: 'PENDING' })
  const { circuit, ms } = await relay.serving('session-42/jupyter')
  expect(circuit).toMatchObject({ url, host: 'jupyter-42.localhost', workers: ['one', 'two'] })
  for (const worker of relay.hosts) {
    expect(await relay.visitors.get('jupyter-42', { worker })).toMatchObject({
      status: 200,
      body: 'jupyter',
    })
    const resolve = `jupyter-42.localhost:${port}:${worker}`
    const { stdout } = await promisify(execFile)(
      'curl',
      `-s --noproxy * --resolve ${resolve} ${url}`.split(' '),
    )
    expect(stdout).toBe('jupyter')
  }
  note(`PENDING to HEALTHY at two workers in ${ms} ms`)

  await create(portCircuit('ssh-42', await relay.tcp('sshd')))
  const ssh = (await relay.client().getCircuit({ params: { key: 'ssh-42' } })).port ?? 0
  expect(ssh).toBeGreaterThanOrEqual(relay.range.from)
  expect(ssh).toBeLessThanOrEqual(relay.range.to)
  for (const worker of relay.hosts) {
    const client = await connected(worker, ssh)
    await client.until('sshd\n')
    await client.echo('hello')
    // Half-close passes through: the server ends after the client has.
    const ended = once(client.socket, 'end')
    client.socket.end('bye')
    await ended
    expect(client.text).toBe('sshd\nhellobye')
  }
})

test('three targets are balanced in each way, and weights change live', async () => {
  const apps = [await relay.web('a'), await relay.web('b'), await relay.web('c')] as const
  const params = { key: 'balanced' }
  await create(webCircuit('balanced', apps))
  expect(await relay.visitors.count('balanced', one, 60)).toEqual({ a: 20, b: 20, c: 20 })

  await relay.client().patchCircuit({ params, body: { balancing: 'weighted' } })
  await relay.client().patchTarget({ params: { ...params, target: 'a' }, body: { weight: 5 } })
  await relay.client().patchTarget({ params: { ...params, target: 'b' }, body: { weight: 2 } })
  await relay.client().patchTarget({ params: { ...params, target: 'c' }, body: { weight: 1 } })
  const counts = (requests: number) => relay.visitors.count('balanced', one, requests)
  await until(
    'the weights apply',
    async () => expect(await counts(16)).toEqual({ a: 10, b: 4, c: 2 }),
    TIMEOUT_MS,
  )
  await relay.client().patchTarget({ params: { ...params, target: 'a' }, body: { weight: 1 } })
  await until(
    'the changed weight applies',
    async () => expect(await counts(16)).toEqual({ a: 4, b: 8, c: 4 }),
    TIMEOUT_MS,
  )

  await relay.client().patchCircuit({ params, body: { balancing: 'least-connections' } })
  const spread = () => spreadOf(apps, 'balanced')
  await until(
    'the least busy targets get requests',
    async () => expect(await spread()).toEqual([2, 2, 2]),
    TIMEOUT_MS,
  )
  await release(apps)
})

/** Six requests that wait at the same time, by app, after those of the first app have ended and came again. */
async function spreadOf(apps: readonly WebApp[], label: string): Promise<number[]> {
  await release(apps)
  const hold = (count: number, all: number): Promise<unknown> => {
    for (let request = 0; request < count; request++)
      held.push(relay.visitors.get(label, { worker: one, path: '/hold' }).catch(() => undefined))
    const total = () => apps.reduce((sum, app) => sum + app.held, 0)
    return until('the requests wait', () => expect(total()).toBe(all), TIMEOUT_MS)
  }
  await hold(6, 6)
  const [first] = apps
  const ended = first?.held ?? 0
  first?.release()
  await hold(ended, 6)
  return apps.map((app) => app.held)
}

const held: Promise<unknown>[] = []
async function release(apps: readonly WebApp[]): Promise<void> {
  for (const app of apps) app.release()
  await Promise.all(held.splice(0))
}

test('a target that dies fails no request after its probe has noticed, and gets requests when it returns', async () => {
  const [stays, dies] = [await relay.web('stays'), await relay.web('dies')]
  const health = { type: 'http', interval: '1s', timeout: '1s', retries: 1 } as const
  await create(webCircuit('checked', [stays, dies], { health }))
  const statusOf = async () => (await relay.client().getCircuit({ params: { key: 'checked' } })).targets
  await until(
    'both targets are healthy',
    async () => expect((await statusOf()).map(({ status }) => status)).toEqual(['HEALTHY', 'HEALTHY']),
    TIMEOUT_MS,
  )
  const load = steady('checked')
  await Promise.all(relay.hosts.map((host) => load.further(50, host)))
  await dies.stop()
  const { ms } = await until(
    'the probe notices',
    async () => expect((await statusOf())[1]).toMatchObject({ id: 'b', status: 'UNHEALTHY' }),
    TIMEOUT_MS,
  )
  const before = load.failures.length
  await Promise.all(relay.hosts.map((host) => load.further(200, host)))
  expect(load.failures.slice(before)).toEqual([])
  note(`noticed after ${ms} ms; ${before} of ${load.count()} requests failed before, 0 after`)
  await dies.start()
  await until(
    'the target is healthy again',
    async () => {
      expect((await statusOf())[1]).toMatchObject({ status: 'HEALTHY' })
      for (const host of relay.hosts)
        expect(await relay.visitors.count('checked', host, 2)).toEqual({ stays: 1, dies: 1 })
    },
    TIMEOUT_MS,
  )
})

test('a worker is killed under load: the other one carries on, and the lost one returns to the same addresses', async () => {
  const app = await relay.web('app')
  await create(webCircuit('spread', [app]))
  await create(portCircuit('spread-port', await relay.tcp('tcp')))
  const port = (await relay.client().getCircuit({ params: { key: 'spread-port' } })).port ?? 0
  const load = steady('spread')
  await Promise.all(relay.hosts.map((host) => load.further(50, host)))
  await relay.workers[0]?.end('SIGKILL')
  const { circuit, ms } = await relay.serving('spread', { workers: ['two'] })
  expect(ms).toBeLessThan(LOST_MS)
  expect(circuit.host).toBe('spread.localhost')
  await load.further(100, two)
  const lost = await relay.client().getWorker({ params: { worker: 'one' } })
  expect(lost.state).toBe('lost')
  const atPort = await connected(two, port)
  await atPort.until('tcp\n')
  // A change reaches the worker that is left.
  await create(webCircuit('meanwhile', [app]), ['two'])
  expect(await relay.visitors.get('meanwhile', { worker: two })).toMatchObject({ body: 'app' })

  await relay.workers[0]?.start()
  await relay.serving('spread')
  await relay.serving('meanwhile')
  const failuresBefore = failuresAt(load, one).length
  await load.further(100, one)
  expect(failuresAt(load, one).length).toBe(failuresBefore)
  expect(failuresAt(load, two)).toEqual([])
  await atPort.echo('still open')
  await (await connected(one, port)).until('tcp\n')
  note(`live on the other worker after ${ms} ms; ${load.count(two)} requests there, 0 failed`)
})

test('a worker that falls asleep is noticed in time, and gets its addresses back when it wakes up', async () => {
  await create(webCircuit('asleep', [await relay.web('app')]))
  await create(portCircuit('asleep-port', await relay.tcp('tcp')))
  const { port = 0 } = await relay.client().getCircuit({ params: { key: 'asleep-port' } })
  relay.workers[0]?.signal('SIGSTOP')
  onTestFinished(() => relay.workers[0]?.signal('SIGCONT'))
  const { ms } = await relay.serving('asleep', { workers: ['two'] })
  await (await connected(two, port)).until('tcp\n')
  // It takes changes that it has missed.
  await create(webCircuit('while-asleep', [await relay.web('new')]), ['two'])
  await relay.client().deleteCircuit({ params: { key: 'asleep' } })
  relay.workers[0]?.signal('SIGCONT')
  await relay.serving('while-asleep')
  await gone('asleep')
  expect(await relay.visitors.get('while-asleep', { worker: one })).toMatchObject({ body: 'new' })
  await (await connected(one, port)).until('tcp\n')
  note(`a silent worker is noticed after ${ms} ms`)
})

test('the leading coordinator is killed, then PostgreSQL: traffic goes on, and changes work again without a restart', async () => {
  const app = await relay.web('app')
  await create(webCircuit('steady', [app]))
  const load = steady('steady')
  const both = (count: number) => Promise.all(relay.hosts.map((host) => load.further(count, host)))
  const leader = await relay.leader()
  const other = 1 - leader
  await relay.coordinators[leader]?.end('SIGKILL')
  await relay.client(other).createCircuit({ body: webCircuit('by-the-other', [app]) })
  const { ms } = await relay.serving('by-the-other', { coordinator: other })
  expect(await relay.leader()).toBe(other)
  await both(50)
  await relay.coordinators[leader]?.start()

  const pids = [...relay.coordinators, ...relay.workers].map(({ pid }) => pid)
  await relay.crashDatabase()
  expect(await refusal(relay.client(other).createCircuit({ body: webCircuit('too-early', [app]) }))).toBe(503)
  await both(50)
  await relay.startDatabase()
  const created = await until(
    'a change works',
    () => relay.client(leader).createCircuit({ body: webCircuit('after', [app]) }),
    TIMEOUT_MS,
  )
  await relay.serving('after', { coordinator: leader })
  await relay.serving('after', { coordinator: other })
  for (const worker of relay.hosts)
    expect(await relay.visitors.get('after', { worker })).toMatchObject({ body: 'app' })
  await both(50)
  expect(load.failures).toEqual([])
  expect([...relay.coordinators, ...relay.workers].map(({ pid }) => pid)).toEqual(pids)
  note(
    `a change after the leader's death: ${ms} ms; after the database's return: ${created.ms} ms; ` +
      `${load.count()} requests, 0 failed`,
  )
})

test('after a restart of everything, all hosts and ports are the same, and workers start without a coordinator', async () => {
  const keys = ['session-42/jupyter', 'ssh-42', 'balanced']
  const addresses = async () => {
    const circuits = await Promise.all(keys.map((key) => relay.client().getCircuit({ params: { key } })))
    return circuits.map(({ host, port, url }) => [host, port, url])
  }
  const before = await addresses()
  const ssh = before[1]?.[1] as number
  for (const process of [...relay.workers, ...relay.coordinators]) await process.end('SIGTERM')
  await relay.crashDatabase()
  await relay.workers[0]?.start()
  expect(await relay.visitors.get('jupyter-42', { worker: one })).toMatchObject({ body: 'jupyter' })
  await (await connected(one, ssh)).until('sshd\n')
  await relay.startDatabase()
  await Promise.all([...relay.coordinators, ...relay.workers.slice(1)].map((process) => process.start()))
  expect(await addresses()).toEqual(before)
  for (const key of keys) await relay.serving(key)
  for (const worker of relay.hosts) {
    expect(await relay.visitors.get('jupyter-42', { worker })).toMatchObject({ body: 'jupyter' })
    await (await connected(worker, ssh)).until('sshd\n')
  }
})

test('a change of one circuit cuts nothing of another, and the second of two conflicting changes gets a 412', async () => {
  const app = await relay.web('app')
  await create(webCircuit('changing', [app]))
  await create(webCircuit('quiet', [app]))
  await create(portCircuit('quiet-port', await relay.tcp('tcp')))
  const { port = 0 } = await relay.client().getCircuit({ params: { key: 'quiet-port' } })
  const sockets = await Promise.all(relay.hosts.map((host) => relay.visitors.webSocket('quiet', host)))
  onTestFinished(() => sockets.forEach((socket) => socket.terminate()))
  const clients = await Promise.all(relay.hosts.map((host) => connected(host, port)))
  const params = { key: 'changing' }
  const { version } = await relay.client().getCircuit({ params })
  const change = (balancing: 'weighted' | 'least-connections') =>
    relay
      .client()
      .patchCircuit({ params, body: { balancing }, ifMatch: version })
      .then(
        () => 200,
        (error: unknown) => (error instanceof ProblemError ? error.status : Promise.reject(error)),
      )
  expect(new Set(await Promise.all([change('weighted'), change('least-connections')]))).toEqual(
    new Set([200, 412]),
  )
  for (let turn = 1; turn <= 5; turn++) {
    await relay.client().patchTarget({ params: { ...params, target: 'a' }, body: { weight: turn + 1 } })
    await relay.client().patchCircuit({ params, body: { labels: { turn: String(turn) } } })
  }
  await relay.client().deleteCircuit({ params })
  await gone('changing')
  for (const socket of sockets) expect(await echo(socket, 'open')).toBe('open')
  for (const client of clients) await client.echo('open')
})

test('a deregistered circuit is gone, and another one can have its port and its host', async () => {
  const app = await relay.tcp('first')
  await create(portCircuit('first', app))
  await create(webCircuit('removed', [await relay.web('removed')]))
  const { port = 0 } = await relay.client().getCircuit({ params: { key: 'first' } })
  await relay.client().deleteCircuit({ params: { key: 'first' } })
  await relay.client().deleteCircuit({ params: { key: 'removed' } })
  await gone('removed')
  const page = await relay.visitors.get('removed', { worker: one, headers: { accept: 'text/html' } })
  expect(page.headers['content-type']).toContain('text/html')
  for (const worker of relay.hosts) {
    await until(
      'the port is closed',
      () => expect(TcpClient.connect(worker, port)).rejects.toMatchObject({ code: 'ECONNREFUSED' }),
      TIMEOUT_MS,
    )
  }
  expect(await refusal(relay.client().getCircuit({ params: { key: 'first' } }))).toBe(404)
  await create(portCircuit('second', await relay.tcp('second'), port))
  await create({
    ...webCircuit('successor', [await relay.web('successor')]),
    frontend: { type: 'subdomain', label: 'removed' },
  })
  for (const worker of relay.hosts) {
    await (await connected(worker, port)).until('second\n')
    expect(await relay.visitors.get('removed', { worker })).toMatchObject({
      status: 200,
      body: 'successor',
    })
  }
})

/** Waits until no worker serves a label. */
async function gone(label: string): Promise<void> {
  for (const worker of relay.hosts) {
    const attempt = async (): Promise<void> =>
      expect((await relay.visitors.get(label, { worker })).status).toBe(404)
    await until(`${label} is gone`, attempt, TIMEOUT_MS)
  }
}
