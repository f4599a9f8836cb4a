import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { TestCluster } from '../test/harness.ts'

test('only its own user can use the API’s socket, whatever the umask allows', async () => {
  const umask = process.umask(0)
  onTestFinished(() => void process.umask(umask))
  const cluster = await TestCluster.start({})
  onTestFinished(() => cluster.stop())
  expect(statSync(join(cluster.cluster.runFolder, 'api.sock')).mode & 0o777).toBe(0o600)
})
