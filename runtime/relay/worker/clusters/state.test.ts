import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLogger } from '../../../process/log.ts'
import { DEFAULT_RELAY_LIMITS } from '../../limits.ts'
import type { Owner } from './registry.ts'
import { StateFile } from './state.ts'
import { cleanUp, later } from '../../../testing/cleanups.ts'
import { until } from '../../../testing/until.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'branchline-state-'))
  later(() => rm(directory, { recursive: true }))
})
afterEach(cleanUp)

const OWNERS: Owner[] = [{ credential: 'cluster:one', cluster: 'one', labels: ['web--alice'] }]
const logger = createLogger('state', 'silent')
const made = (owners: () => readonly Owner[] = () => OWNERS, at = directory): StateFile => {
  const limits = { ...DEFAULT_RELAY_LIMITS, stateMs: 1, stateRetryMs: 5 }
  return new StateFile({ directory: at, limits, logger, owners })
}
const file = (): Promise<string> => readFile(join(directory, 'labels.json'), 'utf8').catch(() => '')

test('a saved state is read again, and the directory contains nothing else', async () => {
  expect(await made().read()).toBeUndefined()
  const state = made()
  state.save()
  await until(async () => (await file()) !== '')
  await state.close()
  expect(await made().read()).toEqual(OWNERS)
  expect(await readdir(directory)).toEqual(['labels.json'])
})

test('a missing directory is created', async () => {
  const at = join(directory, 'a', 'b')
  await made(undefined, at).read()
  const state = made(undefined, at)
  state.save()
  await state.close()
  expect(await made(undefined, at).read()).toEqual(OWNERS)
})

test('changes at the same time become one write, and changes during a write are also written', async () => {
  let calls = 0
  let labels = ['a']
  const state = made(() => {
    calls++
    return [{ credential: 'c', cluster: 'one', labels }]
  })
  for (let index = 0; index < 100; index++) state.save()
  await until(async () => (await file()).includes('"a"'))
  expect(calls).toBe(1)
  labels = ['b']
  state.save()
  await state.close()
  expect(await file()).toContain('"b"')
})

test('a write that fails is tried again', async () => {
  const state = made()
  await rm(directory, { recursive: true })
  const failed = vi.spyOn(logger, 'error')
  state.save()
  await until(() => failed.mock.calls.length > 0)
  await made().read()
  await until(async () => (await file()) !== '')
  await state.close()
  expect(await made().read()).toEqual(OWNERS)
})

test.each([
  ['invalid JSON', '{', /labels\.json: .*JSON.*Repair it, or remove it/],
  ['a later version', '{"version":2}', /version is 2: this relay reads version 1/],
  ['no owners', '{"version":1}', /owners: wanted a list/],
  ['no object', 'null', /version is undefined/],
  [
    'an invalid label',
    '{"version":1,"owners":[{"credential":"a","cluster":"b","labels":["A b"]}]}',
    /owners\.0: wanted/,
  ],
  ['an invalid owner', '{"version":1,"owners":[null]}', /owners\.0: wanted/],
])('a file with %s is refused', async (_what, text, message) => {
  await writeFile(join(directory, 'labels.json'), text)
  await expect(made().read()).rejects.toMatchObject({
    code: 'BL_RELAY_STATE',
    message: expect.stringMatching(message) as string,
  })
})

test('a file that is too large is refused before it is read', async () => {
  await writeFile(join(directory, 'labels.json'), 'x'.repeat(100))
  const state = new StateFile({
    directory,
    limits: { ...DEFAULT_RELAY_LIMITS, stateBytes: 99 },
    logger,
    owners: () => [],
  })
  await expect(state.read()).rejects.toMatchObject({ code: 'BL_RELAY_STATE' })
})
