import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'
import type { DatabaseAddress } from '../store/connection.ts'
import { type TestServer, testServer } from '../store/fixture.ts'
import { DEFAULT_STORE_LIMITS } from '../store/limits.ts'
import { Leader } from './leader.ts'
import { DEFAULT_LEADER_LIMITS, type LeaderLimits } from './limits.ts'
import { requireTerm } from './term.ts'

let server: TestServer
beforeAll(async () => {
  server = await testServer()
})
afterEach(async () => {
  await cleanUp()
  await server.closeStores()
})
afterAll(() => server.stop())

const SYSTEM = { actor: 'system' }
const FAST: LeaderLimits = { ...DEFAULT_LEADER_LIMITS, tryMs: 10, reconnect: { firstMs: 10, maxMs: 50 } }

function contend(address: DatabaseAddress, limits = FAST): { leader: Leader; terms: (number | undefined)[] } {
  const logger = pino({ level: 'silent' })
  const leader = new Leader({ address, storeLimits: DEFAULT_STORE_LIMITS, limits, logger })
  later(() => leader.stop())
  const terms: (number | undefined)[] = []
  leader.onTerm((term) => terms.push(term))
  return { leader, terms }
}

test('one of two leads, and the other one follows it in the next term', async () => {
  const { address } = await server.testStore()
  const first = contend(address)
  await until(() => first.leader.term === 1)
  const second = contend(address)
  await first.leader.stop()
  expect(first.leader.term).toBeUndefined()
  await until(() => second.leader.term === 2)
  expect([first.terms, second.terms]).toEqual([[1, undefined], [2]])
})

test('a leader whose connection PostgreSQL ends stops leading, and may lead again in a new term', async () => {
  const { store, address } = await server.testStore()
  const { leader, terms } = contend(address)
  await until(() => leader.term === 1)
  await store.read((db) =>
    sql`select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory'`.execute(db),
  )
  await until(() => terms.length >= 3)
  expect(terms.slice(0, 3)).toEqual([1, undefined, 2])
})

test('what an earlier leader writes is refused', async () => {
  const { store, address } = await server.testStore()
  const { leader } = contend(address)
  await until(() => leader.term === 1)
  const write = (term: number) => store.change(SYSTEM, ({ tx }) => requireTerm(tx, term))
  expect((await write(1)).epoch).toBe(1)
  await expect(write(0)).rejects.toMatchObject({ code: 'BL_RELAY_TERM', retryable: false })
  await leader.stop()
  const next = contend(address)
  await until(() => next.leader.term === 2)
  await expect(write(1)).rejects.toMatchObject({ code: 'BL_RELAY_TERM' })
  expect((await write(2)).epoch).toBe(2)
})

test('no other coordinator begins to lead while the leader commits', async () => {
  const { store, address } = await server.testStore()
  const first = contend(address)
  await until(() => first.leader.term === 1)
  const second = contend(address)
  const { epoch } = await store.change(SYSTEM, async ({ tx }) => {
    await requireTerm(tx, 1)
    await first.leader.stop()
    // The second has the lock now, but its term waits for us.
    await until(async () => {
      const { rows } =
        await sql`select from pg_locks where locktype = 'transactionid' and not granted`.execute(tx)
      return rows.length > 0
    })
    expect(second.leader.term).toBeUndefined()
  })
  expect(epoch).toBe(1)
  await until(() => second.leader.term === 2)
})

test('a paused leader loses its place, and writes nothing when it wakes up', async () => {
  const { store, address } = await server.testStore()
  const limits = { ...FAST, showMs: 50, silentMs: 500 }
  const script = join(import.meta.dirname, 'fixture/contender.ts')
  const child = spawn(process.execPath, [script, JSON.stringify(address), JSON.stringify(limits)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  later(() => child.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  await until(() => lines.includes('wrote 1'))
  child.kill('SIGSTOP')
  const other = contend(address, limits)
  await until(() => other.leader.term === 2)
  const audit = () => store.read((db) => db.selectFrom('audit').select('id').execute())
  const before = await audit()
  child.kill('SIGCONT')
  // It may have paused between a commit and its answer.
  await until(() => lines.includes('BL_RELAY_TERM'))
  expect(await audit()).toEqual(before)
})
