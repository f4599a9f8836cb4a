import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { addPostgres, POSTGRES } from './postgres.ts'
import { ownArchitecture } from './publish.ts'

test.skipIf(process.platform !== 'linux')(
  'PostgreSQL of this machine is copied with its links, without what only compilers need',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'branchline-image-'))
    try {
      await addPostgres(folder, ownArchitecture())
      const native = join(folder, 'node_modules', POSTGRES[ownArchitecture()], 'native')
      expect(await readdir(join(native, 'bin'))).toEqual(expect.arrayContaining(['initdb', 'postgres']))
      const libraries = await readdir(join(native, 'lib'))
      expect(libraries.filter((name) => name.endsWith('.a'))).toEqual([])
      expect((await lstat(join(native, 'lib/libpq.so.5'))).isSymbolicLink()).toBe(true)
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
