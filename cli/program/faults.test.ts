import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test.each([
  [['upp'], 'branchline'],
  [['up'], 'branchline up'],
  [['up', '.', '--port', 'x'], 'branchline up'],
  [['get', 'foo'], 'branchline get'],
  [['env', 'crate', 'alice'], 'branchline env'],
  [['env', 'create', 'alice'], 'branchline env create'],
])('a usage error of %j names the help of its command, in the last line', (args, command) => {
  const main = join(import.meta.dirname, '../main.ts')
  const { status, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })
  expect(status).toBe(64)
  expect(stderr.trimEnd().split('\n').at(-1)).toBe(`Try '${command} --help'.`)
})
