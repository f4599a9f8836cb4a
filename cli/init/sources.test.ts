import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { dockerCommand, localRun, sourceFolders } from './sources.ts'

const root = mkdtempSync(join(tmpdir(), 'branchline-sources-'))
afterAll(() => rmSync(root, { recursive: true }))

function write(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

write('.git/HEAD')
write('src/gateway/go.mod', 'module gateway')
write('src/gateway/Dockerfile', 'FROM scratch\nENTRYPOINT ["/gateway"]\nCMD ["--port", "80"]\n')
write('src/pricing/Dockerfile', 'FROM python\nCMD ["gunicorn", "-b", "0.0.0.0:80", "app:app"]\n')
write('src/front/package.json', '{ "scripts": { "start": "vite" } }')
write('src/batch/package.json', '{ broken')
write('src/engine/Dockerfile', 'FROM rust\nENTRYPOINT ["/engine"]\n')
write('node_modules/redis/package.json', '{}')
write('deploy/k8s/all.yaml')

const folders = sourceFolders(join(root, 'deploy/k8s'))
const run = (name: string, more: { command?: string[]; args?: string[] } = {}) =>
  localRun({ names: [name], command: [], args: [], ...more }, folders)

test('finds the folders of programs in the repository, and not those of its dependencies', () => {
  expect(new Set(folders.map((folder) => folder.slice(root.length + 1)))).toEqual(
    new Set(['src/gateway', 'src/pricing', 'src/front', 'src/batch', 'src/engine']),
  )
})

describe('a workload runs', () => {
  const dir = (name: string) => join(root, 'src', name)
  test('as its image does, if that is a program that machines have', () => {
    expect(run('pricing')).toEqual({
      dir: dir('pricing'),
      command: ['gunicorn', '-b', '0.0.0.0:80', 'app:app'],
    })
  })
  test('as its manifest says', () => {
    expect(run('pricing', { command: ['python3', 'app.py'], args: ['--x'] })).toEqual({
      dir: dir('pricing'),
      command: ['python3', 'app.py', '--x'],
    })
    expect(run('gateway', { args: ['--fast'] })?.command).toEqual(['go', 'run', '.', '--fast'])
  })
  test('from its source, if its image has its own program', () => {
    expect(run('gateway')).toEqual({ dir: dir('gateway'), command: ['go', 'run', '.', '--port', '80'] })
    expect(run('front')).toEqual({ dir: dir('front'), command: 'npm start' })
  })
  test('in a way that is not known, from a known or an unknown folder', () => {
    expect(run('engine')).toEqual({ dir: dir('engine') })
    expect(run('batch')).toEqual({ dir: dir('batch') })
    expect(run('search')).toBeUndefined()
  })
})

test.each<[string, string[], readonly string[] | undefined]>([
  ['FROM a\nCMD ["a", "b"]', [], ['a', 'b']],
  ['CMD a b', [], ['sh', '-c', 'a b']],
  ['ENTRYPOINT ["a"]\nCMD ["b"]', [], ['a', 'b']],
  ['ENTRYPOINT ["a"]\nCMD ["b"]', ['c'], ['a', 'c']],
  ['ENTRYPOINT a $B\nCMD ["c"]', [], ['sh', '-c', 'a $B']],
  ['CMD ["a"]\nFROM b\ncmd ["c", \\\n  "d"]', [], ['c', 'd']],
  ['FROM a', [], undefined],
])('the command of %j with %j', (text, args, command) => {
  expect(dockerCommand(text, args)).toEqual(command)
})
