import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { endLeftovers, runMark } from './leftovers.ts'
import { RUN_VARIABLE } from './reaper.ts'

const running = async (mark: string) => {
  const child = spawn('sleep', ['60'], { env: { PATH: process.env['PATH'], [RUN_VARIABLE]: mark } })
  await once(child, 'spawn')
  return child
}

test.skipIf(process.platform !== 'linux')(
  'ends processes whose run is gone, also if another process has its id by now, and no others',
  async () => {
    const mark = runMark()
    const [namespace, pid, start, rest] = mark.split('.') as [string, string, string, string]
    const own = await running(mark)
    const elsewhere = await running(['other', '999999999', start, rest].join('.'))
    const orphans = [
      await running([namespace, '999999999', start, rest].join('.')),
      await running([namespace, pid, '1', rest].join('.')),
    ]
    const ends = orphans.map((child) => once(child, 'exit'))
    const ended = endLeftovers()
    expect(await Promise.all(ends)).toEqual([
      [null, 'SIGKILL'],
      [null, 'SIGKILL'],
    ])
    expect(ended).toEqual(expect.arrayContaining(orphans.map((child) => child.pid)))
    for (const child of [own, elsewhere]) {
      expect(ended).not.toContain(child.pid)
      child.kill()
    }
  },
)
