import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  type AccessEntry,
  AccessLog,
  type AccessLogMode,
  MAX_PENDING_BYTES,
  parseAccessLog,
} from './access-log.ts'

const entry: AccessEntry = {
  status: 200,
  method: 'GET',
  path: '/p',
  ms: 1.5,
  service: 'api',
  environment: 'alice',
  endpoint: '10.0.0.1:25001',
  reason: 'override',
  key: 'alice',
  traceId: undefined,
  error: undefined,
  detail: undefined,
}

/** The lines that a log writes to a file. */
async function written(
  mode: AccessLogMode,
  use: (log: AccessLog) => void,
): Promise<Record<string, unknown>[]> {
  const folder = mkdtempSync(join(tmpdir(), 'branchline-log-'))
  const file = join(folder, 'log')
  const fd = openSync(file, 'a')
  const log = new AccessLog(mode, fd)
  use(log)
  await log.close()
  closeSync(fd)
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  rmSync(folder, { recursive: true })
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('requests are lines of JSON without unknown fields', async () => {
  const lines = await written('all', (log) => log.add(entry))
  expect(lines).toEqual([
    expect.objectContaining({
      component: 'sidecar',
      msg: 'request',
      path: '/p',
      environment: 'alice',
      ms: 1.5,
    }),
  ])
  expect(lines[0]).not.toHaveProperty('error')
})

test.each<[string, number, number]>([
  ['off', 0, 0],
  ['errors', 0, 100],
  ['sample:10', 10, 100],
  ['all', 100, 100],
])('%s logs %i of 100 requests and %i of 100 failures', (text, succeeded, failed) => {
  const log = new AccessLog(parseAccessLog(text))
  const count = (fails: boolean): number =>
    Array.from({ length: 100 }, () => log.wants(fails)).filter(Boolean).length
  expect([count(false), count(true)]).toEqual([succeeded, failed])
})

test.each(['', 'some', 'sample:0', 'sample:x', 'sample:-1'])('%j is not a valid mode', (text) => {
  expect(() => parseAccessLog(text)).toThrow(/wanted off, errors, sample:N/)
})

test('lines that do not fit are dropped, and a line reports how many', async () => {
  const lines = await written('all', (log) => {
    for (let count = 0; count < 5_000; count++) log.add(entry)
  })
  const reports = lines.filter(({ msg }) => msg === 'requests not logged')
  const dropped = reports.reduce((sum, report) => sum + (report['dropped'] as number), 0)
  expect(lines.length - reports.length + dropped).toBe(5_000)
  expect(dropped).toBeGreaterThan(0)
  expect(JSON.stringify(lines).length).toBeLessThan(MAX_PENDING_BYTES * 1.1)
})

test('a blocked output delays neither requests nor the end of the process', async () => {
  // A pipe whose reader does not read. Its buffer fills up, and then writes block.
  const reader = spawn('sleep', ['60'], { stdio: ['pipe', 'ignore', 'ignore'] })
  try {
    const { fd } = (reader.stdin as unknown as { _handle: { fd: number } })._handle
    const log = new AccessLog('all', fd)
    for (let count = 0; count < 5_000; count++) log.add(entry)
    await expect(log.close()).resolves.toBeUndefined()
  } finally {
    reader.kill('SIGKILL')
    await once(reader, 'close')
  }
})
