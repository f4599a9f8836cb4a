/** Ordering and renewing, with a fake authority and a real vault. `pebble.test.ts` has a real authority. */
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { cleanUp, later } from '../../../../testing/cleanups.ts'
import { until } from '../../../../testing/until.ts'
import { type Certificate, type PemPair, readCertificate } from '../certificate.ts'
import { collectingLogger, makeCertificate, newFolder } from '../fixture.ts'
import { AcmeCertificates, type AcmeOptions } from './acme.ts'
import { Challenges } from './challenges.ts'
import { AcmeError } from './errors.ts'
import { DEFAULT_ACME_LIMITS } from './limits.ts'
import { folderLock } from './lock.ts'
import { retryAfterMs } from './orders.ts'
import { failedAgain, isDue, renewAtMs } from './schedule.ts'
import { FileVault } from './vault.ts'

afterEach(cleanUp)

const LIMITS = { ...DEFAULT_ACME_LIMITS, refreshMs: 5, retry: { firstMs: 1_000, maxMs: 60_000 } }
const DAY_MS = 86_400_000

/** Starts one worker. Workers with the same folder share it. */
async function open(folder: string, options: Partial<AcmeOptions> = {}) {
  const { lines, logger } = collectingLogger()
  const ordered: string[] = []
  let certificates: readonly Certificate[] = []
  const acme = new AcmeCertificates({
    names: ['a.test'],
    serves: () => false,
    vault: new FileVault(folder),
    lock: folderLock(join(folder, '.lock')),
    orders: {
      order: async (name) => {
        ordered.push(name)
        return await makeCertificate([name])
      },
    },
    limits: LIMITS,
    now: Date.now,
    logger,
    onChange: (all) => (certificates = all),
    ...options,
  })
  later(() => acme.stop())
  await acme.start()
  acme.begin()
  return { acme, lines, ordered, names: () => certificates.flatMap(({ names }) => names) }
}

describe('a certificate', () => {
  test('is ordered once, and kept over a restart', async () => {
    const folder = await newFolder()
    const first = await open(folder)
    expect(first.names()).toEqual([])
    await until(() => first.names().includes('a.test'))
    await first.acme.stop()
    const second = await open(folder)
    expect(second.names()).toEqual(['a.test'])
    await until(() => second.lines.length === 0)
    expect([first.ordered, second.ordered]).toEqual([['a.test'], []])
    const file = join(folder, 'certificates/a.test')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(JSON.stringify(first.lines)).not.toContain('PRIVATE KEY')
  })

  test('is ordered by one of several workers, and read by all', async () => {
    const folder = await newFolder()
    const workers = await Promise.all([1, 2, 3].map(() => open(folder)))
    await Promise.all(workers.map((worker) => until(() => worker.names().includes('a.test'))))
    expect(workers.flatMap(({ ordered }) => ordered)).toEqual(['a.test'])
  })

  test('is renewed after two thirds of its lifetime, while the old one is in use', async () => {
    const folder = await newFolder()
    const old = await makeCertificate(['a.test'], { from: -70, until: 20 })
    await mkdir(join(folder, 'certificates'))
    await writeFile(join(folder, 'certificates/a.test'), JSON.stringify(old))
    const worker = await open(folder)
    expect(worker.names()).toEqual(['a.test'])
    await until(() => worker.lines.some(({ message }) => message === 'certificate ordered'))
    expect(worker.ordered).toEqual(['a.test'])
  })

  test('that cannot be read is ordered again', async () => {
    const folder = await newFolder()
    await mkdir(join(folder, 'certificates'))
    await writeFile(join(folder, 'certificates/a.test'), '{"cert":"x"')
    const worker = await open(folder)
    await until(() => worker.names().includes('a.test'))
    expect(worker.ordered).toEqual(['a.test'])
  })

  test('is ordered at its first use only for a name that the relay serves', async () => {
    const worker = await open(await newFolder(), { names: [], serves: (name) => name === 'served.test' })
    worker.acme.want('other.test')
    worker.acme.want('served.test')
    await until(() => worker.names().includes('served.test'))
    expect(worker.ordered).toEqual(['served.test'])
  })

  test('that has expired and is not wanted any more is removed', async () => {
    const folder = await newFolder()
    const expired = await makeCertificate(['gone.test'], { from: -9, until: -1 })
    await mkdir(join(folder, 'certificates'))
    await writeFile(join(folder, 'certificates/gone.test'), JSON.stringify(expired))
    const worker = await open(folder)
    await until(() => worker.names().join(',') === 'a.test')
    expect(await readdir(join(folder, 'certificates'))).toEqual(['a.test'])
  })
})

describe('an order that fails', () => {
  const failing = (askedMs: number, tried: number[], now: () => number) => ({
    order: (): Promise<PemPair> => {
      tried.push(now())
      return Promise.reject(new AcmeError('too many certificates already issued', { askedMs }))
    },
  })

  test('is tried again after a growing wait, also after a restart', async () => {
    const folder = await newFolder()
    let ahead = 0
    const now = (): number => Date.now() + ahead
    const tried: number[] = []
    const options = { now, orders: failing(0, tried, now) }
    const first = await open(folder, options)
    const line = await until(() => first.lines.find(({ level }) => level === 'warn'))
    expect(line.fields).toMatchObject({
      host: 'a.test',
      problem: 'too many certificates already issued',
      tries: 1,
    })
    await first.acme.stop()
    const second = await open(folder, options)
    ahead = 1_001
    await until(() => second.lines.some(({ fields }) => fields['tries'] === 2))
    expect(tried).toHaveLength(2)
  })

  test('waits as long as the authority asks', async () => {
    const folder = await newFolder()
    let ahead = 0
    const now = (): number => Date.now() + ahead
    const tried: number[] = []
    const worker = await open(folder, { now, orders: failing(DAY_MS, tried, now) })
    await until(() => worker.lines.some(({ fields }) => fields['tries'] === 1))
    ahead = DAY_MS / 2
    const before = await readdir(join(folder, 'failures'))
    expect(before).toEqual(['a.test'])
    ahead = DAY_MS + 1_000
    await until(() => worker.lines.some(({ fields }) => fields['tries'] === 2))
    expect((tried[1] as number) - (tried[0] as number)).toBeGreaterThanOrEqual(DAY_MS)
  })
})

test('a stop ends an order at once, counts it as no failure, and leaves the lock', async () => {
  const folder = await newFolder()
  const begun = Promise.withResolvers<void>()
  const order = (_name: string, signal: AbortSignal): Promise<PemPair> => {
    begun.resolve()
    return new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(new Error('stops'))),
    )
  }
  const worker = await open(folder, { orders: { order } })
  await begun.promise
  await worker.acme.stop()
  expect(await readdir(folder)).toEqual([])
})

describe('the schedule', () => {
  test('renews between 3/5 and 2/3 of the lifetime, and differently for each certificate', async () => {
    const all = await Promise.all([1, 2, 3, 4].map(() => makeCertificate(['a.test'], { from: 0, until: 90 })))
    const times = all.map((pair) => {
      const certificate = readCertificate(pair, 'test')
      return (renewAtMs(certificate) - certificate.notBeforeMs) / DAY_MS
    })
    for (const time of times) expect(time >= 54 && time <= 60).toBe(true)
    expect(new Set(times).size).toBe(4)
  })

  test('waits are bounded, and never shorter than asked', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(10 * DAY_MS), (tries, askedMs) => {
        const before = { tries, retryAtMs: 0, problem: '' }
        const retry = { firstMs: 1_000, maxMs: 60_000 }
        const { retryAtMs } = failedAgain(before, 'x', { nowMs: 0, askedMs, retry })
        expect(retryAtMs).toBeGreaterThanOrEqual(Math.min(askedMs, 8 * DAY_MS))
        expect(retryAtMs).toBeLessThanOrEqual(Math.max(60_000, 8 * DAY_MS))
        expect(isDue(undefined, { ...before, retryAtMs }, retryAtMs - 1)).toBe(false)
        expect(isDue(undefined, { ...before, retryAtMs }, retryAtMs)).toBe(true)
      }),
    )
  })

  test.each([
    ['120', 120_000],
    ['Thu, 01 Jan 1970 00:01:00 GMT', 59_000],
    ['', 0],
    ['soon', 0],
    ['-5', 0],
  ])('Retry-After %j is %d ms', (text, ms) => {
    expect(retryAfterMs(text, 1_000)).toBe(ms)
  })
})

describe('a vault', () => {
  test('never leaves its folder', async () => {
    const vault = new FileVault(await newFolder())
    for (const name of ['../x', 'a/../../x', '/x', '.hidden', 'a//b', '']) {
      await expect(vault.put(name, 'x')).rejects.toThrow(RangeError)
    }
  })

  test('has what was put, and lists it', async () => {
    const vault = new FileVault(await newFolder())
    expect([await vault.get('a/b'), await vault.list('a')]).toEqual([undefined, []])
    await vault.put('a/*.example.com', 'first')
    await vault.put('a/*.example.com', 'second')
    expect([await vault.get('a/*.example.com'), await vault.list('a')]).toEqual(['second', ['*.example.com']])
    await vault.delete('a/*.example.com')
    await vault.delete('a/*.example.com')
    expect(await vault.list('a')).toEqual([])
  })

  test('answers challenges of all workers', async () => {
    const folder = await newFolder()
    const [one, other] = [new Challenges(new FileVault(folder)), new Challenges(new FileVault(folder))]
    expect(await one.responseFor('unknown')).toBeUndefined()
    await one.add('-token_', 'response')
    expect([await one.responseFor('-token_'), await other.responseFor('-token_')]).toEqual([
      'response',
      'response',
    ])
    await one.remove('-token_')
    expect(await new Challenges(new FileVault(folder)).responseFor('-token_')).toBeUndefined()
  })
})

test('a lock has one holder, and that of a process that ended is taken over', async () => {
  const path = join(await newFolder(), 'deep', 'lock')
  const lock = folderLock(path)
  const inside = await lock(() => lock(() => Promise.resolve('twice')))
  expect(inside).toBeUndefined()
  expect(await lock(() => Promise.resolve('free'))).toBe('free')
  await mkdir(path)
  expect(await lock(() => Promise.resolve('taken'))).toBeUndefined()
  await utimes(path, 0, 0)
  expect(await lock(() => Promise.resolve('stale'))).toBe('stale')
})
