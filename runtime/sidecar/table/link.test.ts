import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Logger, pino } from 'pino'
import type { SubscriptionLimits } from '../../pushed/subscription.ts'
import { ManagerLink } from './link.ts'
import { until } from '../../testing/until.ts'
import { StandInManager, tableOf } from '../fixture/stand-in-manager.ts'
import { freePort } from '../../testing/ports.ts'

let folder: string
let tokenFile: string
let manager: StandInManager
let link: ManagerLink | undefined
let lines: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-link-'))
  tokenFile = join(folder, 'token')
  await writeFile(tokenFile, 'secret-token\n')
  manager = await StandInManager.listen('secret-token')
  lines = []
})

afterEach(async () => {
  await link?.stop()
  await manager.stop()
  await rm(folder, { recursive: true })
})

const logger = (): Logger => pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })

function start(limits: Partial<SubscriptionLimits> = {}): { epochs: number[]; link: ManagerLink } {
  const epochs: number[] = []
  link = new ManagerLink({
    url: manager.url,
    tokenFile,
    inbound: [25001, 25002],
    version: '1.2.3',
    logger: logger(),
    onTable: (table) => epochs.push(table.epoch),
    limits: { backoff: { firstMs: 5, maxMs: 20 }, closeTimeoutMs: 50, ...limits },
  })
  link.start()
  return { epochs, link }
}

test('sends hello, applies a snapshot and deltas, and acknowledges each', async () => {
  manager.table = tableOf(3)
  const { epochs, link } = start()
  await until(() => isDeepStrictEqual(manager.acks, [3]))
  expect(manager.hellos).toEqual([{ type: 'hello', inbound: [25001, 25002], version: '1.2.3' }])
  expect(link.state).toBe('connected')
  manager.send({ type: 'delta', from: 3, epoch: 5, listeners: {}, callers: { '10.0.0.1': 'alice' } })
  await until(() => isDeepStrictEqual(manager.acks, [3, 5]))
  expect(epochs).toEqual([3, 5])
  expect(link.table?.callerKey('10.0.0.1')).toBe('alice')
})

test('a delta that does not follow closes with 4001; a new connection brings a snapshot', async () => {
  manager.table = tableOf(3)
  const { link } = start()
  await until(() => isDeepStrictEqual(manager.acks, [3]))
  manager.table = tableOf(9)
  manager.send({ type: 'delta', from: 8, epoch: 9, listeners: {}, callers: {} })
  await until(() => isDeepStrictEqual(manager.acks, [3, 9]))
  expect(manager.closes).toEqual([4001])
  expect(link.table?.epoch).toBe(9)
})

test.each([
  ['not JSON', '{'],
  ['of an unknown type', '{"type":"surprise"}'],
  ['invalid in one field', '{"type":"snapshot","table":{"epoch":"x"}}'],
])('after a message that is %s the table is unchanged, and the link reconnects', async (_, text) => {
  manager.table = tableOf(3)
  const { link } = start()
  await until(() => isDeepStrictEqual(manager.acks, [3]))
  manager.sendText(text)
  await until(() => isDeepStrictEqual(manager.acks, [3, 3]))
  expect(manager.closes).toEqual([1007])
  expect(link.table?.epoch).toBe(3)
})

test('an unknown field is ignored', async () => {
  manager.table = { ...tableOf(4), novelty: true } as ReturnType<typeof tableOf>
  start()
  expect(await until(() => isDeepStrictEqual(manager.acks, [4]))).toBe(true)
})

test('a lost manager does not change the table, and a new one at the same address is found', async () => {
  await manager.stop()
  const port = await freePort()
  manager = await StandInManager.listen('secret-token', port)
  manager.table = tableOf(3)
  const { link } = start()
  await until(() => isDeepStrictEqual(manager.acks, [3]))
  await manager.stop()
  await until(() => link.state === 'disconnected')
  expect(link.table?.epoch).toBe(3)
  manager = await StandInManager.listen('secret-token', port)
  // A restarted manager may start its epochs again.
  manager.table = tableOf(1)
  await until(() => isDeepStrictEqual(manager.acks, [1]))
  expect(link.state).toBe('connected')
})

test('a wrong token is tried again after a wait and logged once without its text, and a new one is read', async () => {
  await writeFile(tokenFile, 'expired-token')
  const { link } = start()
  await until(() => manager.refusals > 3)
  expect(link.state).toBe('disconnected')
  const logged = lines.filter((line) => line.includes('manager not connected'))
  expect(logged).toHaveLength(1)
  expect(JSON.parse(logged[0] as string)).toMatchObject({ reason: 'refused', detail: 401 })
  await writeFile(tokenFile, 'secret-token')
  await until(() => link.state === 'connected')
  expect(lines.join('')).not.toMatch(/expired-token|secret-token/)
})

test('a missing token file is waited for', async () => {
  await rm(tokenFile)
  const { link } = start()
  await until(() => lines.join('').includes('token unreadable'))
  await writeFile(tokenFile, 'secret-token')
  expect(await until(() => link.state === 'connected')).toBe(true)
})

test('a token that no header can contain is a fault, not a crash', async () => {
  await writeFile(tokenFile, 'two\nlines')
  start()
  await until(() => lines.join('').includes('cannot connect'))
  expect(lines.join('')).not.toContain('two')
})

test('a manager that upgrades and stays silent is given up', async () => {
  manager.mute = true
  start({ snapshotTimeoutMs: 20 })
  await until(() => isDeepStrictEqual(manager.closes.slice(0, 2), [4004, 4004]))
  expect(lines.join('')).toContain('no snapshot')
})

test('a manager that no longer responds to pings is given up', async () => {
  const { link } = start({ pingIntervalMs: 10, silenceTimeoutMs: 40 })
  await until(() => link.state === 'connected')
  manager.freeze()
  await until(() => lines.join('').includes('silent'))
  expect(link.table?.epoch).toBe(1)
})

test('stops in any state', async () => {
  const { link } = start()
  await link.stop()
  link.start()
  await link.stop()
  expect(manager.acks).toEqual([])
})
