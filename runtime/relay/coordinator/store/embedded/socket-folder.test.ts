import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { cleanUp, later } from '../../../../testing/cleanups.ts'
import { createSocketFolder } from './socket-folder.ts'

afterEach(cleanUp)

/** The pods of `up` have a TMPDIR of their own below the run's folder, and a user's TMPDIR may be long already. */
test('where the state folder and TMPDIR are both too long for a socket, it is in /tmp', () => {
  const base = mkdtempSync(join(tmpdir(), 'branchline-long-'))
  const long = join(base, 'x'.repeat(60), 'y'.repeat(60))
  mkdirSync(long, { recursive: true })
  vi.stubEnv('TMPDIR', long)
  later(() => {
    vi.unstubAllEnvs()
    rmSync(base, { recursive: true })
  })
  const sockets = createSocketFolder(join(long, 'state'))
  later(() => sockets.remove())
  expect(sockets.path).toMatch(/^\/tmp\/branchline-postgres-[^/]+$/)
})
