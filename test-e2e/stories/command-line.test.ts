import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { embedded } from '../harness/embedded.ts'
import { ALICE_PATH, BASELINE_PATH, Shop } from '../harness/shop.ts'
import { chosenTarget } from '../harness/test-stories.ts'
import { until } from '../harness/until.ts'
import { pathOf, visitShop } from '../harness/visit.ts'

/** Uses the commands for what runs as a user does, on the running shop. */
const PROGRAM = join(import.meta.dirname, '../../cli/bin/branchline.js')
const TIMEOUT_MS = 60_000

interface Ran {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

// The embedded cluster runs in this process. On a cluster, the commands use the same interface.
describe.skipIf(chosenTarget().name !== 'embedded')('commands for what runs', () => {
  const children: ChildProcess[] = []
  let shop: Shop
  beforeAll(async () => {
    shop = await Shop.start(embedded)
  })
  afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')))
  afterAll(() => shop.stop())

  function start(...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
    const [port] = shop.platform.traces().ports
    const child = spawn(process.execPath, [PROGRAM, ...args, '--up', String(port)], {
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    return child
  }
  async function run(...args: string[]): Promise<Ran> {
    const child = start(...args)
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await exited, output, errors }
  }
  async function output(...args: string[]): Promise<string> {
    const ran = await run(...args)
    expect(ran).toMatchObject({ code: 0, errors: '' })
    return ran.output
  }

  test('lists and describes what runs', async () => {
    const environments = await output('get', 'env')
    expect(environments).toMatch(/^NAME +TYPE +BASE +OVERRIDES +READY +URL +AGE\n/)
    expect(environments).toMatch(
      /^alice +branch +baseline +api +True +http:\/\/web--alice\.localhost:\d+ +\d+[sm]$/m,
    )
    expect(await output('get', 'routes')).toMatch(/^alice +api +alice +1\n/m)
    expect(await output('get', 'pods', '-n', 'alice')).toMatch(/^alice +api-\S+ +2\/2 +Running +0 +\d+[sm]$/m)
    expect(await output('get', 'previews', '-o', 'name')).toContain('preview.branchline.dev/web\n')
    const { kind, status } = JSON.parse(await output('get', 'env', 'alice', '-o', 'json')) as {
      kind: string
      status: object
    }
    expect({ kind, status }).toMatchObject({ kind: 'Environment', status: { overrides: ['api'] } })
    expect(await output('describe', 'env', 'alice')).toMatch(/^Base: +baseline\n/m)
    expect(await output('status')).toMatch(/^manager +1\/1 +\d/m)
    expect(await output('version')).toMatch(/^sidecars: +\d/m)
    expect(await output('open', '--print', 'alice')).toBe(`${await shop.url('alice')}\n`)
  })

  test('says what a wrong name means', async () => {
    expect(await run('get', 'env', 'alcie')).toMatchObject({
      code: 1,
      output: '',
      errors: 'env "alcie" does not exist: did you mean alice?\n',
    })
    expect((await run('logs', 'worker@alice')).errors).toBe(
      'alice does not run worker: baseline serves it, so use worker@baseline\n',
    )
    expect(await run('get', 'evn')).toMatchObject({
      code: 64,
      errors: expect.stringContaining('did you mean env?') as string,
    })
  })

  test('a paused branch is served by its base', async () => {
    const path = async (): Promise<string> => pathOf(await visitShop(await shop.url('alice')))
    expect(await output('env', 'pause', 'alice')).toMatch(/^alice paused: baseline serves its requests\n/)
    await until('the base serves', async () => expect(await path()).toBe(BASELINE_PATH), TIMEOUT_MS)
    expect(await output('get', 'env', 'alice')).toMatch(/ Paused /)
    await output('env', 'resume', 'alice')
    await until('alice serves', async () => expect(await path()).toBe(ALICE_PATH), TIMEOUT_MS)
  })

  test('logs follow a service across a restart', async () => {
    const follower = start('logs', '-f', '--tail', '0', 'api@alice')
    let followed = ''
    follower.stdout.on('data', (chunk: Buffer) => (followed += chunk.toString()))
    const [before] = (await output('get', 'pods', '-n', 'alice', '-o', 'name')).split('\n')
    expect(await output('restart', 'api@alice')).toBe('deployment.apps/api restarted in alice\n')
    // The new pod says that it runs.
    const told = async (): Promise<void> => {
      const pods = (await output('get', 'pods', '-n', 'alice', '-o', 'name')).split('\n').filter(Boolean)
      expect(pods).toHaveLength(1)
      expect(pods[0]).not.toBe(before)
      expect(followed).toContain('"running"')
    }
    await until('the line of the new pod', told, TIMEOUT_MS)
    expect(pathOf(await visitShop(await shop.url('alice')))).toBe(ALICE_PATH)
  })

  test('a deleted environment is gone, until its manifest changes', async () => {
    expect(await output('env', 'delete', 'bob', '--with-namespace')).toMatch(/^bob deleted: baseline serves/)
    const names = async (): Promise<string> => await output('get', 'pods', '-A')
    await until('its pods end', async () => expect(await names()).not.toMatch(/^bob /m), TIMEOUT_MS)
    expect(await output('get', 'env', '-o', 'name')).not.toContain('/bob')
  })
})
