import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TestCluster } from '../test/harness.ts'
import { deployment, lines, said } from '../test/manifests.ts'
import { until } from '../../testing/until.ts'
import { baseOf, isIgnored, isMatch, parsePatterns, SourceWatch } from './watch.ts'

let folder: string
const stops: (() => Promise<void>)[] = []
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'branchline-watch-'))))
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
  rmSync(folder, { recursive: true })
})

test('patterns are a JSON list or a text with commas', () => {
  expect(parsePatterns('src, lib/**/*.py,\n')).toEqual(['src', 'lib/**/*.py'])
  expect(parsePatterns('["a,b","c"]')).toEqual(['a,b', 'c'])
})

describe('a pattern', () => {
  test.each([
    ['/a/src', '/a/src', ['/a/src/x/y.py', '/a/src'], ['/a/srcs/x', '/a/lib']],
    ['/a/**/*.py', '/a', ['/a/x.py', '/a/b/x.py'], ['/a/x.js']],
    ['/a/{b,c}/*', '/a', ['/a/b/x', '/a/c/x'], ['/a/d/x', '/a/b/x/y']],
    ['/*.py', '/', ['/x.py'], ['/a/x.py']],
  ])('%s', (pattern, base, matching, others) => {
    expect(baseOf(pattern)).toBe(base)
    expect(matching.filter((path) => !isMatch(path, pattern))).toEqual([])
    expect(others.filter((path) => isMatch(path, pattern))).toEqual([])
  })
})

test('hidden files, packages, caches and files of editors are ignored, except if they are named', () => {
  const ignored = ['.git/x', 'node_modules/a/b.js', 'a/__pycache__/x.pyc', 'b.pyc', 'x~', '.x.swp', '#x#']
  expect(ignored.filter((path) => !isIgnored(`/s/${path}`, '/s'))).toEqual([])
  expect(isIgnored('/s/src/app.py', '/s')).toBe(false)
  expect(isIgnored('/s/.env', '/s/.env')).toBe(false)
})

async function watching(patterns: readonly string[]): Promise<{ changes: string[]; warnings: string[] }> {
  const seen = { changes: [] as string[], warnings: [] as string[] }
  const watch = new SourceWatch({
    patterns,
    folder,
    onChange: (path) => seen.changes.push(path),
    onWarning: (message) => seen.warnings.push(message),
  })
  stops.push(() => watch.stop())
  await watch.ready
  return seen
}

test('changes that come together are one, and files that no pattern names are none', async () => {
  mkdirSync(join(folder, 'src'))
  const seen = await watching(['src/**/*.py', 'config.json'])
  writeFileSync(join(folder, 'other.json'), '')
  writeFileSync(join(folder, 'src', 'a.txt'), '')
  for (const name of ['a', 'b', 'c']) writeFileSync(join(folder, 'src', `${name}.py`), '')
  await until(() => seen.changes.length > 0, 'a change')
  mkdirSync(join(folder, 'src', 'new'))
  writeFileSync(join(folder, 'src', 'new', 'd.py'), '')
  await until(
    () => seen.changes.includes('src/new/d.py'),
    () => seen.changes.join(),
  )
  expect(seen.changes.every((path) => path.endsWith('.py'))).toBe(true)
  expect(seen.changes.length).toBeLessThan(4)
})

test('a path that does not exist is named', async () => {
  const { warnings } = await watching(['sorce'])
  expect(warnings).toEqual([`${join(folder, 'sorce')} does not exist: correct it`])
})

test('a container restarts when its files change, also after it has failed, and its pod stays', async () => {
  const cluster = await TestCluster.start({ 'a.json': [deployment({ containers: [{ name: 'c' }] })] })
  stops.push(() => cluster.stop())
  writeFileSync(join(folder, 'app.sh'), 'echo one; exec sleep 60')
  writeFileSync(
    join(cluster.folder, 'branchline.local.yaml'),
    `a: { command: exec sh app.sh, dir: ${folder}, watch: "*.sh" }`,
  )
  await said(cluster, 'one')
  const [pod] = await cluster.ready('shop', 'a')
  writeFileSync(join(folder, 'app.sh'), 'echo again; exec sleep 60')
  await said(cluster, 'again')
  // Neither a failure nor a restart that would count as one.
  expect(cluster.reported.filter((line) => line.includes('exited'))).toEqual([])
  expect(cluster.pods('shop', 'a')[0]?.containers[0]?.restarts).toBe(0)
  writeFileSync(join(folder, 'app.sh'), 'echo broken; exit 1')
  await until(() => (cluster.pods('shop', 'a')[0]?.containers[0]?.restarts ?? 0) > 2, 'failures')
  writeFileSync(join(folder, 'app.sh'), 'echo two; exec sleep 60')
  await said(cluster, 'two')
  expect(lines(cluster).slice(0, 3)).toEqual(['one', 'branchline: app.sh changed: restarting', 'again'])
  expect((await cluster.ready('shop', 'a'))[0]?.name).toBe(pod?.name)
})
