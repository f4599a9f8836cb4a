import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { versionedFiles, versionsIn } from './version.ts'

const root = join(import.meta.dirname, '..')

test('every workspace, every dependency on one and the images have the same version', async () => {
  const stated = new Map<string, string>()
  for (const file of await versionedFiles()) {
    const versions = versionsIn(await readFile(join(root, file), 'utf8'))
    for (const version of versions) stated.set(version, file)
  }
  // One version, and one file that states it. With more, run `node scripts/version.ts VERSION`.
  expect([...stated]).toHaveLength(1)
})

test('a file states its own version and those of the workspaces that it depends on', () => {
  const text = '{"version": "1.2.3", "dependencies": {"@branchline/wire": "1.2.4", "ws": "8.0.0"}}'
  expect(versionsIn(text)).toEqual(['1.2.3', '1.2.4'])
})
