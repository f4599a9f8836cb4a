import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { temporaryFolder } from './temporary.ts'

const TMPDIR = process.env['TMPDIR']
let place: string
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'branchline-test-'))
  process.env['TMPDIR'] = place
})
afterEach(() => {
  if (TMPDIR === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = TMPDIR
  rmSync(place, { recursive: true })
})

/**
 * Starts a process that creates a folder and keeps running. Resolves with the folder and a function that kills the
 * process.
 */
async function other(): Promise<{ folder: string; kill: () => Promise<void> }> {
  const program = `
    import { temporaryFolder } from ${JSON.stringify(join(import.meta.dirname, 'temporary.ts'))}
    process.stdout.write(temporaryFolder('demo'))
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: place },
  })
  const exit = once(child, 'exit')
  const [folder] = (await once(child.stdout, 'data')) as [Buffer]
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exit
  }
  return { folder: folder.toString(), kill }
}

test('a folder stays while its process runs, and the next start removes it after the process was killed', async () => {
  const { folder, kill } = await other()
  writeFileSync(join(folder, 'file'), 'x')
  const own = temporaryFolder('run')
  expect([existsSync(folder), existsSync(own)]).toEqual([true, true])
  await kill()
  temporaryFolder('demo')
  expect([existsSync(folder), existsSync(own)]).toEqual([false, true])
})

test('folders with other names and of other process namespaces stay', async () => {
  const { folder, kill } = await other()
  await kill()
  const [start, , ...rest] = basename(folder).split(/-(?=[0-9a-z]+-\d+-\w{6}$)|-(?=\d+-\w{6}$)/)
  const elsewhere = join(place, [start, 'zzz', ...rest].join('-'))
  const named = join(place, 'branchline-notes')
  for (const path of [elsewhere, named]) mkdirSync(path)
  temporaryFolder('demo')
  expect([existsSync(folder), existsSync(elsewhere), existsSync(named)]).toEqual([false, true, true])
})
